"""The runs below a folder, each as one row: a thread finds them and re-reads what has changed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.run.directory import FoundRun, find_runs
from engine.run.labels import Labels, labels_file
from engine.run.overview import Overview, overview_of, read_ends
from tui.lookout import Lookout
from tui.run_rows import RunRow, labels_of, unreadable
from tui.widgets.standing import status_of

_PERIOD = 1.0
# Looking for runs takes at most this share of the thread's time: a tree of thousands is searched less often.
_SHARE = 0.05
# A long list is shown once the first screenful is known, and from then on now and then while it fills.
_SCREENFUL = 60
_MEANWHILE = 0.25

_NO_STAMP = (-1, -1)


@dataclass(slots=True)
class _Live:
    """A run whose engine lives, or has only just ended: its journal is followed."""

    state: RunState
    reader: JournalReader


@dataclass(slots=True)
class _Known:
    found: FoundRun
    facts: Overview | None = None
    stamp: tuple[int, int] = _NO_STAMP
    labels: Labels = field(default_factory=Labels)
    labels_stamp: tuple[int, int] = _NO_STAMP
    live: _Live | None = None


class Listing(Lookout):
    """Calls ``on_rows`` from its thread with the rows, newest run first, whenever they differ."""

    def __init__(self, runs: Path, on_rows: Callable[[list[RunRow]], object]) -> None:
        super().__init__("runs")
        self._runs = runs
        self._on_rows = on_rows
        self._known: dict[str, _Known] = {}
        self._shown: list[RunRow] | None = None

    def _watch(self) -> None:
        while not self._stopped:
            began = time.monotonic()
            self._look()
            took = time.monotonic() - began
            self._watch_living(until=began + took + max(_PERIOD, took / _SHARE))

    def _look(self) -> None:
        found = find_runs(self._runs)
        known_before = self._known
        self._known = {one.name: known_before.get(one.name) or _Known(one) for one in found}
        for one in found:
            self._known[one.name].found = one  # its recipe may have been written anew
        told = time.monotonic()
        for number, known in enumerate(self._known.values(), 1):
            if self._stopped:
                return
            self._refresh(known)
            first = self._shown is None and number >= _SCREENFUL
            if first or time.monotonic() - told > _MEANWHILE:
                told = time.monotonic()
                self._tell()
        self._tell()

    def _watch_living(self, until: float) -> None:
        while not self._stopped and (left := until - time.monotonic()) > 0:
            if self._rest(min(_PERIOD, left)):
                return
            for known in self._known.values():
                if known.live is not None:
                    self._refresh(known)
            self._tell()

    def _refresh(self, known: _Known) -> None:
        run = known.found.run
        # The lock before the journal: an engine writes its end first and lets go of the lock after it.
        alive = run.is_alive()
        stamp = _stamp(run.journal)
        try:
            if alive or known.live is not None:
                self._follow(known, alive=alive)
            elif stamp != known.stamp:
                state = read_ends(run)[0]
                known.facts = overview_of(run, state, state.status(alive=False))
            known.stamp = stamp
        except OSError as error:  # not readable now: the row keeps what is known
            known.facts = known.facts or unreadable(run, error, alive=alive)
        stamp = _stamp(labels_file(run))
        if stamp != known.labels_stamp:
            known.labels, known.labels_stamp = labels_of(run), stamp

    def _follow(self, known: _Known, *, alive: bool) -> None:
        run = known.found.run
        if known.live is None:
            state, offset = read_ends(run)
            known.live = _Live(state, JournalReader(run.journal, offset))
        while events := known.live.reader.read(4 << 20):
            known.live.state.apply_all(events)
            if self._stopped:
                break
        state = known.live.state
        known.facts = overview_of(run, state, status_of(state, alive=alive, resuming=False))
        if not alive:
            known.live = None

    def _tell(self) -> None:
        rows = [
            RunRow(known.found.run, known.found.name, known.found.created, known.facts, known.labels)
            for known in self._known.values()
        ]
        if rows != self._shown and not self._stopped:
            self._shown = rows
            self._on_rows(rows)


def _stamp(path: Path) -> tuple[int, int]:
    """Return a file's size (bytes) and time (ns), zeros where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)
    return (stat.st_size, stat.st_mtime_ns)
