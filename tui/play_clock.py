"""The clock of a replay: it runs over a journal's time, faster or slower, stands still, and is set."""

import time
from collections.abc import Callable

SPEEDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
"""How many of the run's seconds pass in one."""


class PlayClock:
    """Runs from ``first`` to ``last``, in seconds since the Unix epoch, and stands there."""

    def __init__(self, speed: float, tick: Callable[[], float] = time.monotonic) -> None:
        self.first = self.last = 0.0
        self.speed = speed
        self._tick = tick
        # One value, for another thread reads the clock: the run's time, that at ``tick``, and how fast it runs since.
        self._course = (0.0, tick(), speed)

    def load(self, first: float, last: float) -> None:
        """Begin at ``first``."""
        self.first, self.last = first, max(first, last)
        self._set(first, playing=True)

    def now(self) -> float:
        at, since, speed = self._course
        return min(self.last, at + (self._tick() - since) * speed)

    @property
    def playing(self) -> bool:
        """Whether it runs, or would if it were not at its end."""
        return self._course[2] > 0

    @property
    def over(self) -> bool:
        return self.now() >= self.last

    @property
    def share(self) -> float:
        """How much of the run has been played, 0 to 1."""
        length = self.last - self.first
        return (self.now() - self.first) / length if length else 1.0

    def turn(self) -> None:
        """Stand still, or go on; at the end, begin again."""
        if self.over:
            self._set(self.first, playing=True)
        else:
            self._set(self.now(), playing=not self.playing)

    def seek(self, share: float) -> None:
        """Set the clock to a share of the run, 0 to 1; what is beyond goes to the end that it is beyond."""
        self._set(self.first + min(1.0, max(0.0, share)) * (self.last - self.first), playing=self.playing)

    def change_speed(self, steps: int) -> None:
        """Go ``steps`` up, or down, in SPEEDS."""
        nearest = min(range(len(SPEEDS)), key=lambda at: abs(SPEEDS[at] - self.speed))
        now, self.speed = self.now(), SPEEDS[min(len(SPEEDS) - 1, max(0, nearest + steps))]
        self._set(now, playing=self.playing)

    def _set(self, at: float, *, playing: bool) -> None:
        self._course = (at, self._tick(), self.speed if playing else 0.0)
