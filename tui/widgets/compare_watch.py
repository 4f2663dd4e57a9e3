"""Reads the compared runs in a thread, again when one of them has gone on."""

import threading
from collections.abc import Callable, Sequence

from engine.analysis.compare import Comparison, RunReader, RunSummary, compare
from engine.run.directory import RunDir
from tui.widgets.plot import plotext

_PERIOD = 2.0


class CompareWatch:
    """Calls ``on_news`` from its thread with the comparison, whenever a run of it has changed."""

    def __init__(self, runs: Sequence[RunDir], on_news: Callable[[Comparison], object]) -> None:
        self._readers = [RunReader(run) for run in runs]
        self._on_news = on_news
        self._shown: list[RunSummary] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="compare", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _watch(self) -> None:
        plotext()  # its import takes 0.2 s, which the first curves would cost the event loop
        while not self._stop.is_set():
            self._look()
            self._stop.wait(_PERIOD)

    def _look(self) -> None:
        try:
            entrants = [reader.read() for reader in self._readers]
        except OSError:  # the disk or a folder is away: what is known stays on screen
            return
        if entrants != self._shown and not self._stop.is_set():
            self._shown = entrants
            self._on_news(compare(entrants))
