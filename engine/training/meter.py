"""Running figures of an epoch, kept on the device and read seldom, and the pace of the run."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from engine.core.throttle import Throttle
from engine.run.train_state import TrainState

_PACE_WINDOW = 10.0
"""Seconds that the pace is of, at least, and the stretches that it is of where they are long."""
_LEAST_STRETCHES = 10

T = TypeVar("T")


class Meter:
    """Sums of loss and hits. Reading them waits for the device, so it is done at most ten times a second."""

    def __init__(self, device: torch.device, progress: TrainState) -> None:
        self._loss_sum = torch.tensor(progress.loss_sum, device=device, dtype=torch.float32)
        self._correct = torch.tensor(progress.correct, device=device, dtype=torch.long)
        self._seen = progress.seen
        self._good = torch.zeros((), device=device, dtype=torch.long)
        self._steps: list[int] = []
        self.due = Throttle()

    def add(self, loss: torch.Tensor, correct: torch.Tensor, count: int, step: int) -> None:
        """Take a step's mean ``loss`` and its number of ``correct`` of ``count`` images, both on the device."""
        self._loss_sum += loss.detach() * count
        self._good += self._loss_sum.isfinite()  # no number makes one of the sum again
        self._steps.append(step)
        self._correct += correct
        self._seen += count

    def read(self, progress: TrainState) -> None:
        """Put the sums into ``progress``, exactly as the device holds them."""
        progress.loss_sum = float(self._loss_sum)
        progress.correct = int(self._correct)
        progress.seen = self._seen

    def first_bad(self) -> int:
        """Return the first step whose loss was no number, of those added here; 0 if there is none."""
        good = int(self._good)
        return self._steps[good] if good < len(self._steps) else 0


class TimedEvent(Protocol):
    """A mark in a device's queue of work that knows when the device came to it, as ``torch.cuda.Event``."""

    def record(self) -> None: ...

    def elapsed_time(self, end_event: Any) -> float:
        """Return the milliseconds from this mark to the other, once the device has come to both."""
        ...


class Waits(Protocol):
    """Measures for how long a device has had nothing to do, of the times between ``begin`` and ``end``."""

    def begin(self) -> None: ...

    def end(self) -> None: ...

    def restart(self) -> None:
        """Forget what was measured, and of a time that has begun the part up to now."""
        ...

    def take(self) -> float:
        """Return the seconds since the last call. The device must have done all that was asked of it."""
        ...


class HostWaits:
    """The device is idle whenever the host waits: so on a CPU, and at most so on a device without timed events."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: float | None = None
        self._waited = 0.0

    def begin(self) -> None:
        self._begun = self._clock()

    def end(self) -> None:
        if self._begun is not None:
            self._waited += self._clock() - self._begun
        self._begun = None

    def restart(self) -> None:
        self._waited = 0.0
        if self._begun is not None:
            self._begun = self._clock()

    def take(self) -> float:
        waited, self._waited = self._waited, 0.0
        return waited


class DeviceWaits:
    """The device has a queue: while it works on what is in there, it doesn't wait, whatever the host does.

    Of two marks in the queue, put there when the host begins to wait and when it ends, the device comes to the first
    when its work is done and to the second not before the host has put it there. In between it is idle.
    """

    def __init__(self, mark: Callable[[], TimedEvent]) -> None:
        self._mark = mark
        self._begun: TimedEvent | None = None
        self._pairs: list[tuple[TimedEvent, TimedEvent]] = []

    def begin(self) -> None:
        self._begun = self._marked()

    def end(self) -> None:
        if self._begun is not None:
            self._pairs.append((self._begun, self._marked()))
        self._begun = None

    def restart(self) -> None:
        self._pairs.clear()
        if self._begun is not None:
            self._begun = self._marked()

    def take(self) -> float:
        pairs, self._pairs = self._pairs, []
        return sum(begun.elapsed_time(ended) for begun, ended in pairs) / 1000

    def _marked(self) -> TimedEvent:
        mark = self._mark()
        mark.record()
        return mark


def waits_of(device: torch.device) -> Waits:
    if device.type == "cuda":
        return DeviceWaits(lambda: torch.cuda.Event(enable_timing=True))
    return HostWaits()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps from one read of the meter to another. Each read waits for the device: what was asked of it is done."""

    steps: int = 0
    images: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    """Seconds for which the device had nothing to do, since images were still to come."""

    def __add__(self, other: "Stretch") -> "Stretch":
        return Stretch(
            self.steps + other.steps, self.images + other.images,
            self.seconds + other.seconds, self.waited + other.waited,
        )  # fmt: skip

    @property
    def images_per_s(self) -> float:
        """0.0 where nothing was timed."""
        return self.images / self.seconds if self.seconds else 0.0


class Pace:
    """Images a second, what was waited for, and the time left, from what the run itself has taken.

    All are of whole stretches, by images and by time: between two reads the host runs ahead of a GPU, and a step
    takes as long as asking for it does. Pauses don't count, nor does the stretch that one falls into.
    """

    def __init__(self, waits: Waits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.stood = 0.0
        """Seconds that the run has stood still: pauses, predictions, a process that was suspended."""
        self._clock = clock
        self._waits = waits or HostWaits(clock)
        self._moved = clock()
        self._mark: float | None = None
        self._steps = self._images = 0
        self._stretches: deque[Stretch] = deque()
        self._window = Stretch()
        self._epoch = Stretch()
        self._overhead: float | None = None

    @property
    def images_per_s(self) -> float:
        """Of the last ten seconds or more, 0.0 before anything was timed."""
        return self._window.images_per_s

    @property
    def data_wait(self) -> float | None:
        """Percent of the same time that the device waited for images, None before anything was timed."""
        window = self._window
        return 100 * window.waited / window.seconds if window.seconds else None

    def waiting(self, batches: Iterable[T]) -> Iterator[T]:
        """Yield the batches, and measure how long each is waited for."""
        feed = iter(batches)
        while True:
            self._waits.begin()
            batch = next(feed, None)
            self._waits.end()
            if batch is None:
                return
            yield batch

    def step(self, images: int) -> None:
        """Count a step that was asked for."""
        self._steps += 1
        self._images += images
        self.move()

    def read(self) -> None:
        """Close a stretch; to be called when the device has done all that was asked of it.

        The run's first call only begins one: the first step sets up what the others use.
        """
        now, waited = self._clock(), self._waits.take()
        if self._mark is not None and self._steps and now > self._mark:
            taken = now - self._mark
            self._add(Stretch(self._steps, self._images, taken, min(waited, taken)))
        self._mark, self._steps, self._images = now, 0, 0

    def _add(self, stretch: Stretch) -> None:
        stretches = self._stretches
        stretches.append(stretch)
        seconds = sum(one.seconds for one in stretches)
        while len(stretches) > _LEAST_STRETCHES and seconds - stretches[0].seconds >= _PACE_WINDOW:
            seconds -= stretches.popleft().seconds
        self._window = sum(stretches, Stretch())
        self._epoch += stretch

    def end_epoch(self) -> Stretch:
        """Return what was timed since the last call."""
        epoch, self._epoch = self._epoch, Stretch()
        return epoch

    def move(self) -> None:
        """Know that the run has not stood still up to now."""
        self._moved = self._clock()

    def go_on(self) -> None:
        """Count the time since the run last moved as standing still."""
        now = self._clock()
        self.stood += now - self._moved
        self._moved = now
        self.restart()

    def restart(self) -> None:
        """Begin a new stretch, and leave out what of the one under way has passed."""
        self._mark = self._clock() if self._mark is not None else None
        self._steps = self._images = 0
        self._waits.restart()

    def epoch_overhead(self, seconds: float) -> None:
        """Remember what an epoch takes besides its steps: validation, pictures."""
        self._overhead = seconds

    def eta(self, *, steps_left: int, epochs_left: int, steps: int) -> float | None:
        """Return the seconds until the last epoch ends, None before anything was timed."""
        window = self._window
        if not window.steps:
            return None
        step_time, overhead = window.seconds / window.steps, self._overhead or 0.0
        return step_time * (steps_left + epochs_left * steps) + overhead * (epochs_left + 1)
