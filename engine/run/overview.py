"""The figures of a run that lists show, read from the first and last lines of its journal."""

import json
import os
import tomllib
from collections.abc import Callable, Iterator

import msgspec

from engine.core.files import open_regular, read_regular
from engine.journal.events import AnyEvent, RunStarted, decode_line
from engine.journal.index import History
from engine.journal.log import JournalReader
from engine.journal.state import RunState, Status
from engine.run.directory import RunDir

_HEAD = 16 << 10
_TAIL = 32 << 10
_LARGEST_LOCK = 4096
_LARGEST_RECIPE = 1 << 20
# Progress ticks, superseded by later ones: nine of ten lines.
_TICKS = tuple(
    b'{"type":"%s"' % kind for kind in (b"step", b"system_sample", b"autoencoder_epoch", b"outlier_progress")
)


class Overview(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Key figures of a run. Times are seconds since the Unix epoch; a time of 0 and a text "" are unknown."""

    status: Status
    reason: str = ""
    model: str = ""
    data: str = ""
    host: str = ""
    """Host of the last engine."""
    monitor: str = ""
    """"val_acc" or "val_loss"."""
    epoch: int = 0
    """The current epoch or the last one, from 1; 0 before the first."""
    epochs: int = 0
    """The maximum number of epochs."""
    best: float | None = None
    """The best score, percent or loss by ``monitor``."""
    best_epoch: int = 0
    test_acc: float | None = None
    """Top-1 accuracy on labelled test images, percent, where they were predicted after the last epoch."""
    test_macro_f1: float | None = None
    """As ``test_acc``: the mean F1 of the classes, percent."""
    test_images: int = 0
    """As ``test_acc``: the number of labelled images."""
    lr: float | None = None
    started: float = 0.0
    updated: float = 0.0


def read_ends(run: RunDir) -> tuple[RunState, int]:
    """Fold the first and last lines of a run's journal; return the state and the offset after them, bytes.

    The state has all that ``overview_of`` needs, but lacks the events in the middle. Raises OSError; a missing journal
    counts as empty.
    """
    try:
        file = open_regular(run.journal)
    except FileNotFoundError:
        return RunState(), 0
    with file:
        fd = file.fileno()
        size = os.fstat(fd).st_size
        length = _TAIL
        while True:
            start = max(0, size - length)
            tail = os.pread(fd, size - start, start)
            begin = tail.find(b"\n") + 1 if start else 0
            end = tail.rfind(b"\n") + 1
            state = RunState()
            if start:
                state.apply_all(_first_start(os.pread(fd, _HEAD, 0)))
            lines = tail[begin:end].splitlines()
            state.apply_all(_without_ticks(lines[:-1]))
            if lines and (last := decode_line(lines[-1])) is not None:
                state.apply(last)
            # Only ``epoch_ended`` has the best score: read further back until there is one.
            if state.epochs or not start:
                return state, start + end
            length *= 8


def overview_of(run: RunDir, state: RunState, status: Status) -> Overview:
    """Return the overview of a state, such as that of ``read_ends``; of a run never started, from its recipe."""
    started, stop = state.started, state.early_stop
    reason = state.full.words if state.full else state.ended.reason if state.ended else ""
    if started is None:
        return msgspec.structs.replace(_planned(run, status), reason=reason)
    epoch = state.epoch
    # An earlier prediction may lie in the part of the journal that isn't read.
    test = state.test if state.predicted_at_end else None
    return Overview(
        status=status,
        reason=reason,
        model=started.model,
        data=started.data,
        host=_last_host(run) or started.host,
        monitor=stop.monitor,
        epoch=epoch.epoch if epoch else state.epochs[-1].epoch if state.epochs else 0,
        epochs=epoch.epochs if epoch else started.epochs,
        best=stop.best,
        best_epoch=stop.best_epoch,
        test_acc=test.acc if test else None,
        test_macro_f1=test.macro_f1 if test else None,
        test_images=test.images if test else 0,
        lr=state.lr,
        started=state.first_started_at,
        updated=state.updated_at,
    )


def read_events(run: RunDir, stopped: Callable[[], bool]) -> Iterator[AnyEvent]:
    """Yield the journal's events without ticks and superseded ones, until ``stopped()``. Raises OSError."""
    for lines in History(JournalReader(run.journal)).lines():
        if stopped():
            return
        yield from _without_ticks(lines)


def _without_ticks(lines: list[bytes]) -> Iterator[AnyEvent]:
    for line in lines:
        if not line.startswith(_TICKS) and (event := decode_line(line)) is not None:
            yield event


def _first_start(head: bytes) -> Iterator[AnyEvent]:
    for line in head.split(b"\n")[:-1]:
        event = decode_line(line)
        if isinstance(event, RunStarted):
            yield event
            return


def _last_host(run: RunDir) -> str:
    try:
        holder = json.loads(read_regular(run.lock_file, _LARGEST_LOCK, follow=False))
        return str(holder["host"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def _planned(run: RunDir, status: Status) -> Overview:
    try:
        recipe = tomllib.loads(read_regular(run.recipe, _LARGEST_RECIPE).decode())
        return msgspec.convert(
            {
                "status": status,
                "model": recipe.get("model", {}).get("name", ""),
                "data": recipe.get("data", {}).get("train", ""),
                "epochs": recipe.get("train", {}).get("epochs", 0),
            },
            Overview,
        )
    # A run with a damaged recipe is listed all the same.
    except (OSError, ValueError, AttributeError, RecursionError, msgspec.ValidationError):
        return Overview(status=status)
