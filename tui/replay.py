"""A finished run played back: to a live view the same as a run that is followed, but on a clock of its own."""

import contextlib
import math
from collections.abc import Iterator

from engine.journal.events import AnyEvent, RunEnded, RunStarted, StageStarted
from engine.run.directory import RunDir
from tui.link import Model, Source
from tui.play_clock import PlayClock
from tui.tape import Tape, span

_BEAT = 0.1
_LEAP = 5.0
"""Seconds of ours: what the clock moves by more is folded by the thread, and not event by event on screen."""


class Replay(Source):
    """Hands out the journal's events as ``clock`` comes to them; call ``look_now`` after setting the clock.

    When the clock was set, ``take`` puts another ``model`` in the place of the one that there was: the run as it
    stood at that time.
    """

    def __init__(self, run: RunDir, clock: PlayClock) -> None:
        super().__init__(run, "replay")
        self.clock = clock
        self._tape = Tape(run.journal)
        self._at = -math.inf
        """The time up to which it has been read."""
        self._landed: Model | None = None
        """The model of where the clock was set to, until it is taken."""
        self._over = False
        """Whether the engine of the events read so far has said its last word."""

    def take(self) -> tuple[list[AnyEvent], bool]:
        with self._guard:
            if self._landed is not None:
                self.model, self._landed = self._landed, None
            news, self._news = self._news, []
            return news, not self._over and not self.clock.over

    def _watch(self) -> None:
        with contextlib.suppress(OSError):  # the view then says that nothing is known of the run
            self.clock.load(*span(self.run.journal))
        at_end = False
        while not self._stopped:
            was_at_end, at_end = at_end, self.clock.over
            try:
                news = self._advance(self.clock.now())
            except OSError:  # the disk or the folder is away: read anew from the start at the next beat
                news, self._at = False, math.inf
            self.ready.set()
            if news or at_end != was_at_end:
                self._notify()
            self._rest(_BEAT)

    def _advance(self, now: float) -> bool:
        """Read up to ``now``; return whether anything came."""
        before, self._at = self._at, now
        if not before <= now <= before + _LEAP * self.clock.speed:
            self._land(now)
            return True
        count = 0
        for events in self._due(now):
            self._mark(events)
            count += len(events)
            with self._guard:
                self._news += events
        return count > 0

    def _land(self, now: float) -> None:
        """Fold what lies before ``now`` here, where it keeps nobody waiting."""
        model = Model()
        self._tape.rewind()
        self._over = False
        for events in self._due(now):
            model.apply(events)
            self._mark(events)
            if self._stopped:
                return
        with self._guard:
            self._landed, self._news = model, []

    def _due(self, now: float) -> Iterator[list[AnyEvent]]:
        # At the end all, also what is later by a clock that was put back meanwhile.
        return self._tape.until(math.inf if now >= self.clock.last else now)

    def _mark(self, events: list[AnyEvent]) -> None:
        for event in events:
            if isinstance(event, RunEnded):
                self._over = True
            elif isinstance(event, RunStarted | StageStarted):
                self._over = False
