"""Whether a run that was cut off and resumed ended as one that nobody touched: every byte but for times."""

import csv
import json
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec
from safetensors.torch import load_file

from engine.core.tensor_file import read_metadata
from engine.journal.events import (
    AnyEvent,
    AutoencoderEpoch,
    CheckpointSaved,
    CommandRejected,
    ConfusionMatrix,
    DatasetScanned,
    DiskFreed,
    DiskFull,
    EpochEnded,
    EpochStarted,
    LrDecayed,
    OutlierProgress,
    PredictionProgress,
    RunStarted,
    RunWarning,
    StageStarted,
    Step,
    SystemSample,
    ThresholdSet,
)
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.run.directory import RunDir

_PASSING = (
    RunStarted, StageStarted, DatasetScanned, SystemSample, AutoencoderEpoch, OutlierProgress, PredictionProgress,
    DiskFull, DiskFreed,
)  # fmt: skip
"""What each attempt tells of itself, and what hangs on the clock."""
_TIMES = ("seq", "t", "seconds", "images_per_s", "eta", "data_wait", "id", "size", "command")
_STATE = (
    "epochs",
    "decays",
    "settings",
    "rollbacks",
    "cuts",
    "best_confusion",
    "early_stop",
    "ended",
    "prediction",
)


def differences(run: RunDir, whole: RunDir) -> list[str]:
    """Return in words in what the end of ``run`` differs from that of ``whole``.

    Each is beside data of its own. Of ``run``'s journal counts what no resume made void: of an epoch that was trained
    twice the second time. It may have all classes judged before the outliers of the first are dealt with, and it may
    lack the word of a checkpoint whose save a kill followed at once.
    """
    found = []
    names, expected = _names(run), _names(whole)
    if names != expected:
        found.append(f"files: {sorted(names ^ expected)}")
    for name in sorted(names & expected):
        ours, theirs = run.path / name, whole.path / name
        if ours.is_dir() or name in ("events.jsonl", "engine.log", "lock", "quarantine.id"):
            continue
        if ours.suffix == ".safetensors":
            same = _tensors(ours, run) == _tensors(theirs, whole)
        elif name == "outliers.csv":
            same = _ledger(ours, run) == _ledger(theirs, whole)
        else:
            same = _content(ours, run) == _content(theirs, whole)
        if not same:
            found.append(name)
    for (what, one), (_, other) in zip(_history(run), _history(whole), strict=True):
        if one != other:
            alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
            found.append(f"{what}, from {alike} on: {one[alike:][:3]} and not {other[alike:][:3]}")
    saved, all_saved = (set(map(_plain, _events(place, CheckpointSaved))) for place in (run, whole))
    if not saved <= all_saved:
        found.append(f"checkpoints that no unbroken run has: {saved - all_saved}")
    return found


def _names(run: RunDir) -> set[str]:
    paths = [path for path in run.path.rglob("*") if path.name != "events.index"]
    return {str(path.relative_to(run.path)) for path in paths}


def _content(path: Path, run: RunDir) -> bytes:
    return path.read_bytes().replace(_beside(run).encode(), b"")


def _beside(run: RunDir) -> str:
    return str(run.path.parent)


def _tensors(path: Path, run: RunDir) -> dict[str, object]:
    tensors = {name: (str(value.dtype), value.numpy().tobytes()) for name, value in load_file(path).items()}
    metadata = read_metadata(path)
    if "progress" in metadata:
        metadata["progress"] = _plain(json.loads(metadata["progress"]), _beside(run))
    return {**tensors, **{f"its {key}": value for key, value in metadata.items()}}


def _ledger(path: Path, run: RunDir) -> list[list[str]]:
    rows = list(csv.reader(_content(path, run).decode().splitlines()))
    return [row[:5] + row[6:] for row in rows]


def _events(run: RunDir, kind: type[AnyEvent]) -> list[AnyEvent]:
    return [event for event in JournalReader(run.journal).read() if isinstance(event, kind)]


def _plain(event: object, root: str = "") -> str:
    text = json.dumps(msgspec.to_builtins(event), sort_keys=True)
    return json.dumps(_timeless(json.loads(text.replace(root, "") if root else text)), sort_keys=True)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(part) for key, part in value.items() if key not in _TIMES}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def _history(run: RunDir) -> list[tuple[str, list[str]]]:
    """Return the events that hold, and what a console shows of them."""
    reader = JournalReader(run.journal)
    events, state = reader.read(), RunState()
    state.apply_all(events)
    assert not reader.damaged
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    kept: list[AnyEvent] = []
    for event in events:
        if isinstance(event, RunStarted):
            kept = [one for one in kept if not _is_void(one, event)]
        passes = isinstance(event, _PASSING) or (isinstance(event, Step) and event.step < event.steps)
        # The epoch in which a run goes on is announced again, and so is the end of steps that were cut short.
        again = isinstance(event, EpochStarted | Step) and any(
            type(one) is type(event) and one.epoch == event.epoch for one in kept
        )
        refused = (
            isinstance(event, CommandRejected) and event.reason == "no engine was running when it was sent"
        )
        waited = isinstance(event, RunWarning) and event.message.startswith("training waited for images")
        if not (passes or again or refused or waited or isinstance(event, CheckpointSaved)):
            kept.append(event)
    root = _beside(run)
    kept.sort(key=lambda event: not isinstance(event, ThresholdSet))
    shown = [_plain(getattr(state, name), root) for name in _STATE] + [_plain(state.outliers.changes, root)]
    return [("journal", [_plain(event, root) for event in kept]), ("state", shown)]


def _is_void(event: AnyEvent, start: RunStarted) -> bool:
    """Say whether an attempt's ``start`` takes ``event`` back, as it goes on from before it."""
    epoch, step = start.resumed_epoch, start.resumed_step
    match event:
        case EpochStarted():
            return (event.epoch, 1) > (epoch, step)
        case Step():
            return (event.epoch, event.step) > (epoch, step)
        case EpochEnded() | ConfusionMatrix():
            return event.epoch >= epoch
        case LrDecayed():
            return event.epoch > epoch
        case _:
            return False
