"""The ends of all runs below a folder, seen while a console is open, whatever it shows; each is told once."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.journal.events import RunEnded
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.run.directory import RunDir
from engine.run.notify import Attendance, Ending, run_command
from tui.lookout import Lookout
from tui.notify import ending

_PERIOD = 1.0
_SEARCH = 2.0
# Looking for runs takes at most this share of the thread's time: a tree of thousands is searched less often.
_SHARE = 0.01
_LAST_LOOK = 2.0

_Stamp = tuple[int, int]
_NO_STAMP = (-1, -1)


@dataclass(slots=True)
class _Watched:
    run: RunDir
    alive: bool = False
    stamp: _Stamp = _NO_STAMP
    """The journal's size (bytes) and time (ns) at the last look at a run without an engine, or when one came."""
    attendance: Attendance | None = None
    attended_at: int = 0
    """The journal's size before it was attended: an end before that is another's to tell."""

    def has_to_tell(self, end: Ending) -> bool:
        """Whether the person's command is to be started here."""
        if self.attendance is None:
            return False
        return end.outcome == "interrupted" or _stamp(self.run.journal)[0] > self.attended_at


class Endings(Lookout):
    """Looks at the locks of the runs, and at a journal's end once its engine is gone: less than the list reads.

    ``on_end`` is called from the thread for each end that was not told before. ``command``, the person's own, is
    started where this console holds the run's attendance; ``on_trouble`` gets a line when that goes wrong.
    """

    def __init__(
        self,
        runs: Path,
        command: list[str],
        on_end: Callable[[Ending], object],
        on_trouble: Callable[[str], object],
    ) -> None:
        super().__init__("endings")
        self._runs = runs
        self._command = command
        self._on_end = on_end
        self._on_trouble = on_trouble
        self._opened: set[RunDir] = set()
        self._known: dict[RunDir, _Watched] = {}
        self._told: set[tuple[float, float]] = set()
        self._guard = threading.RLock()
        self._began = 0.0

    def stop(self) -> None:
        """End the thread. An end that this console was to tell of is told, if it has come by now."""
        super().stop()
        if any(one.attendance is not None for one in list(self._known.values())):
            self._thread.join(_LAST_LOOK)

    def watch(self, run: RunDir) -> None:
        """Watch a run that was opened, which may lie elsewhere."""
        with self._guard:
            self._opened.add(run)
        self.look_now()

    def tell(self, end: Ending) -> None:
        """Tell of an end, unless it was told before; from any thread."""
        with self._guard:
            new = end.key not in self._told
            self._told.add(end.key)
            one = self._known.get(end.run)
            mine = one is not None and one.has_to_tell(end)
            if one is not None and mine:
                self._leave(one)
        if new:
            self._on_end(end)
        if mine and self._stopped:
            self._start_command(end)
        elif mine:
            threading.Thread(target=self._start_command, args=(end,), name="notify", daemon=True).start()

    def _start_command(self, end: Ending) -> None:
        if problem := run_command(self._command, end, patience=_LAST_LOOK / 2 if self._stopped else None):
            self._on_trouble(problem)

    def _leave(self, one: _Watched) -> None:
        with self._guard:
            if one.attendance is not None:
                one.attendance.release()
            one.attendance = None

    def _watch(self) -> None:
        from engine.run.directory import find_runs

        self._began = time.time()
        search_at = time.monotonic() + _PERIOD  # after the first screen
        first = True
        while not self._stopped:
            with self._guard:
                opened = set(self._opened)
            for run in opened - self._known.keys():
                self._meet(run, first=True)
            if time.monotonic() >= search_at:
                began = time.monotonic()
                found = {one.run for one in find_runs(self._runs)} | opened
                for run in self._known.keys() - found:
                    self._leave(self._known.pop(run))
                for run in found:
                    if self._stopped:
                        break
                    self._meet(run, first=first)
                first = False
                took = time.monotonic() - began
                search_at = began + took + max(_SEARCH, took / _SHARE)
            for one in list(self._known.values()):
                if one.alive:
                    self._look(one)
            self._rest(_PERIOD)
        for one in self._known.values():
            if one.attendance is not None:
                # The engine that has said its last word may still be closing its files.
                self._judge(one, alive=one.run.is_alive())
                self._leave(one)

    def _meet(self, run: RunDir, *, first: bool) -> None:
        """Look at a run; ``first``: what it was before this console is not to be told."""
        one = self._known.get(run)
        if one is None:
            one = self._known[run] = _Watched(run)
            if first:
                one.stamp = _stamp(run.journal)
        self._look(one)

    def _look(self, one: _Watched) -> None:
        stamp = _stamp(one.run.journal)
        alive, was_alive = one.run.is_alive(), one.alive
        if alive:
            if not was_alive:
                one.stamp = stamp
            if self._command and one.attendance is None:
                attendance = Attendance.take(one.run)
                with self._guard:
                    one.attendance, one.attended_at = attendance, stamp[0]
        else:
            stamp = _stamp(one.run.journal)
            if was_alive:
                self._judge(one, alive=False)
            elif stamp != one.stamp:
                self._judge_unseen(one)
            self._leave(one)
            one.stamp = stamp
        one.alive = alive

    def _judge(self, one: _Watched, *, alive: bool) -> None:
        """Tell of the end of a run that was seen alive, if its engine has ended it or is gone."""
        from engine.run.overview import read_ends

        with contextlib.suppress(OSError):
            state = read_ends(one.run)[0]
            grown = _stamp(one.run.journal)[0] > max(0, one.stamp[0])
            begun_after = state.stage and state.ended and state.stage.seq > state.ended.seq
            said = [state.ended] if state.ended is not None and grown and not begun_after else []
            end = ending(one.run, said, state, True, alive)
            if end is not None:
                self.tell(end)

    def _judge_unseen(self, one: _Watched) -> None:
        """Tell of an end that came between two looks; not of that of a run which was moved here, or is added to."""
        with contextlib.suppress(OSError):
            if one.stamp == _NO_STAMP and one.run.journal.stat().st_mtime < self._began:
                return
            state = RunState()
            state.apply_all(JournalReader(one.run.journal, max(0, one.stamp[0])).read())
            if isinstance(state.ended, RunEnded):
                from engine.run.overview import read_ends

                end = ending(one.run, [state.ended], read_ends(one.run)[0], False, False)
                if end is not None:
                    self.tell(end)


def _stamp(path: Path) -> _Stamp:
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)
    return (stat.st_size, stat.st_mtime_ns)
