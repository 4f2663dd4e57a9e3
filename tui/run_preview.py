"""The course of the run under the cursor: a thread reads its journal while the cursor rests on it."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from engine.journal.events import EpochEnded
from engine.journal.state import RunState
from engine.run.directory import RunDir
from engine.run.overview import Overview, read_events
from tui.run_rows import RunRow
from tui.widgets.happenings import Happening, Teller

_REST = 0.08
_LAST = 12


class Preview(NamedTuple):
    run: RunDir
    epochs: list[EpochEnded]
    last: list[Happening]
    """The newest lines of its log, oldest first."""


class Previewer:
    """Calls ``on_preview`` from its thread for the row last asked for, again whenever that has changed."""

    def __init__(self, on_preview: Callable[[Preview], object]) -> None:
        self._on_preview = on_preview
        self._wanted: tuple[RunDir, Overview] | None = None
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="preview", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def want(self, row: RunRow) -> None:
        if row.facts is None:
            return
        # A living run's steps move its last event; its course changes with its epoch and its state.
        wanted = (row.run, _course(row.facts))
        if wanted != self._wanted:
            self._wanted = wanted
            self._wake.set()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            if self._stopped:
                return
            time.sleep(_REST)
            self._wake.clear()
            if self._wanted is not None:
                preview = self._read(self._wanted[0])
                if preview is not None and not self._stopped:
                    self._on_preview(preview)

    def _read(self, run: RunDir) -> Preview | None:
        state, teller = RunState(), Teller()
        last: deque[Happening] = deque(maxlen=_LAST)
        try:
            for event in read_events(run, self._wake.is_set):
                state.apply(event)
                if (line := teller.tell(event)) is not None:
                    last.append(line)
        except OSError:  # the table's row says what is the matter
            pass
        return None if self._wake.is_set() else Preview(run, state.epochs, list(last))


def _course(facts: Overview) -> Overview:
    return Overview(
        status=facts.status, epoch=facts.epoch, best=facts.best, best_epoch=facts.best_epoch, lr=facts.lr
    )
