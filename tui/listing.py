"""The runs below a folder, each as one row: a thread re-reads the journals that have grown."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engine.journal import JournalReader
from engine.rundir import RunDir, list_runs
from engine.state import RunState, Status
from tui.widgets.standing import status_of

_PERIOD = 1.0
# The first look at a long list shows what it has after so many runs.
_BATCH = 20


class RunRow(NamedTuple):
    """What the list shows of a run; ``read`` is False until its journal has been."""

    run: RunDir
    read: bool
    status: Status
    epoch: int
    epochs: int
    monitor: str
    best: float | None
    best_epoch: int
    val_acc: float | None
    model: str
    data: str
    started: float
    reason: str


@dataclass(slots=True)
class _Known:
    reader: JournalReader
    state: RunState
    stamp: tuple[int, int] = (-1, -1)


class Listing:
    """Calls ``on_rows`` from its thread with the rows, newest run first, whenever they differ."""

    def __init__(self, runs: Path, on_rows: Callable[[list[RunRow]], object]) -> None:
        self._runs = runs
        self._on_rows = on_rows
        self._known: dict[RunDir, _Known] = {}
        self._shown: list[RunRow] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="runs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._look()
            self._stop.wait(_PERIOD)

    def _look(self) -> None:
        runs = list_runs(self._runs)
        self._known = {
            run: self._known.get(run) or _Known(JournalReader(run.journal), RunState()) for run in runs
        }
        fresh = 0
        for known in self._known.values():
            if self._stop.is_set():
                return
            new = known.stamp == (-1, -1)
            if self._read(known) and new and (fresh := fresh + 1) % _BATCH == 0:
                self._tell()
        self._tell()

    def _read(self, known: _Known) -> bool:
        try:
            stat = known.reader.path.stat()
            stamp = (stat.st_size, stat.st_mtime_ns)
        except OSError:
            stamp = (0, 0)
        if stamp == known.stamp:
            return False
        known.stamp = stamp
        try:
            while events := known.reader.read(4 << 20):
                known.state.apply_all(events)
                if self._stop.is_set():
                    break
        except OSError:  # not readable now: the row keeps what is known
            pass
        return True

    def _tell(self) -> None:
        rows = [_row(run, known) for run, known in self._known.items()]
        if rows != self._shown and not self._stop.is_set():
            self._shown = rows
            self._on_rows(rows)


def _row(run: RunDir, known: _Known) -> RunRow:
    state, started = known.state, known.state.started
    return RunRow(
        run=run,
        read=known.stamp != (-1, -1),
        status=status_of(state, alive=run.is_alive(), resuming=False),
        epoch=state.epoch.epoch if state.epoch else len(state.epochs),
        epochs=started.epochs if started else 0,
        monitor=state.early_stop.monitor,
        best=state.early_stop.best,
        best_epoch=state.early_stop.best_epoch,
        val_acc=state.epochs[-1].val_acc if state.epochs else None,
        model=started.model if started else "",
        data=started.data if started else "",
        started=state.first_started_at,
        reason=state.ended.reason if state.ended else "",
    )
