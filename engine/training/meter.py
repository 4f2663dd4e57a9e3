"""The running loss and accuracy of an epoch, kept on the device, and the throughput of the run."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from engine.core.throttle import Throttle
from engine.run.train_state import TrainState

_PACE_WINDOW = 10.0
"""Minimum seconds that the throughput is averaged over."""
_LEAST_STRETCHES = 10
"""Minimum stretches that it is averaged over; it matters when each takes more than a second."""

T = TypeVar("T")


class Meter:
    """Sums of an epoch's loss and correct predictions, kept on the device.

    Reading them waits for the device: ``due`` limits that to ten times a second.
    """

    def __init__(self, device: torch.device, progress: TrainState) -> None:
        self._loss_sum = torch.tensor(progress.loss_sum, device=device, dtype=torch.float32)
        self._correct = torch.tensor(progress.correct, device=device, dtype=torch.long)
        self._seen = progress.seen
        self._finite_steps = torch.zeros((), device=device, dtype=torch.long)
        self._steps: list[int] = []
        self.due = Throttle()

    def add(self, loss: torch.Tensor, correct: torch.Tensor, count: int, step: int) -> None:
        """Add a step's mean ``loss`` and number of ``correct`` predictions, both on the device, of ``count`` images."""
        self._loss_sum += loss.detach() * count
        self._finite_steps += self._loss_sum.isfinite()  # a sum that isn't finite never is again
        self._steps.append(step)
        self._correct += correct
        self._seen += count

    def read(self, progress: TrainState) -> None:
        """Copy the exact sums from the device into ``progress``."""
        progress.loss_sum = float(self._loss_sum)
        progress.correct = int(self._correct)
        progress.seen = self._seen

    def first_bad(self) -> int:
        """Return the first added step with a non-finite loss, or 0."""
        finite = int(self._finite_steps)
        return self._steps[finite] if finite < len(self._steps) else 0


class TimedEvent(Protocol):
    """An event in a device's queue that records when the device reaches it, as ``torch.cuda.Event``."""

    def record(self) -> None:
        """Append the event to the queue."""
        ...

    def elapsed_time(self, end_event: Any) -> float:
        """Return the milliseconds between the two events; the device must have reached both."""
        ...


class Waits(Protocol):
    """Measures how long the device is idle while the host waits for images."""

    def begin(self) -> None:
        """Mark the start of a wait."""
        ...

    def end(self) -> None:
        """Mark the end of the wait, if one has begun."""
        ...

    def restart(self) -> None:
        """Discard everything measured so far, including the current wait up to now."""
        ...

    def take(self) -> float:
        """Return the idle seconds since the last call. The device must have finished all queued work."""
        ...


class HostWaits:
    """Idle time measured on the host: exact on a CPU, an upper bound on a device without timed events."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: float | None = None
        self._waited = 0.0

    def begin(self) -> None:
        """Start timing a wait."""
        self._begun = self._clock()

    def end(self) -> None:
        """Add the wait that has begun, if any."""
        if self._begun is not None:
            self._waited += self._clock() - self._begun
        self._begun = None

    def restart(self) -> None:
        """Discard the sum, and time the current wait from now on."""
        self._waited = 0.0
        if self._begun is not None:
            self._begun = self._clock()

    def take(self) -> float:
        """Return the sum, and start a new one."""
        waited, self._waited = self._waited, 0.0
        return waited


class DeviceWaits:
    """Idle time of a device with a queue, which is busy until the queue is empty, whatever the host does.

    One event is queued when the host begins to wait, another when the wait ends. The device reaches the first when its
    work is done and the second no sooner than the host has queued it: in between it is idle.
    """

    def __init__(self, make_event: Callable[[], TimedEvent]) -> None:
        self._make_event = make_event
        self._begun: TimedEvent | None = None
        self._pairs: list[tuple[TimedEvent, TimedEvent]] = []

    def begin(self) -> None:
        """Queue the event that starts a wait."""
        self._begun = self._recorded()

    def end(self) -> None:
        """Queue the event that ends the wait that has begun, if any."""
        if self._begun is not None:
            self._pairs.append((self._begun, self._recorded()))
        self._begun = None

    def restart(self) -> None:
        """Discard the events, and time the current wait from now on."""
        self._pairs.clear()
        if self._begun is not None:
            self._begun = self._recorded()

    def take(self) -> float:
        """Return the seconds between the pairs of events, and discard them."""
        pairs, self._pairs = self._pairs, []
        return sum(begun.elapsed_time(ended) for begun, ended in pairs) / 1000

    def _recorded(self) -> TimedEvent:
        event = self._make_event()
        event.record()
        return event


def waits_of(device: torch.device) -> Waits:
    """Return the most exact measure of idle time that ``device`` supports."""
    if device.type == "cuda":
        return DeviceWaits(lambda: torch.cuda.Event(enable_timing=True))
    return HostWaits()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps between two reads of the meter; each read waits until the device has finished all queued work."""

    steps: int = 0
    images: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    """Seconds for which the device was idle because it waited for images."""

    def __add__(self, other: "Stretch") -> "Stretch":
        return Stretch(
            self.steps + other.steps, self.images + other.images,
            self.seconds + other.seconds, self.waited + other.waited,
        )  # fmt: skip

    @property
    def images_per_s(self) -> float:
        """Images per second, 0.0 if nothing was timed."""
        return self.images / self.seconds if self.seconds else 0.0


class Pace:
    """Throughput, waiting time and time left, measured on the run itself.

    Everything is measured over whole stretches: between two reads the host runs ahead of a GPU, so that the time of a
    single step is only the time to queue it. Pauses are excluded, with the stretch that they interrupt.
    """

    def __init__(self, waits: Waits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.stood = 0.0
        """Seconds that aren't training time: pauses, predictions, suspension of the process."""
        self._clock = clock
        self._waits = waits or HostWaits(clock)
        self._moved = clock()
        self._stretch_began: float | None = None
        self._steps = self._images = 0
        self._stretches: deque[Stretch] = deque()
        self._window = Stretch()
        self._epoch = Stretch()
        self._overhead: float | None = None

    @property
    def images_per_s(self) -> float:
        """Images per second over the last 10 s or more, 0.0 before anything was timed."""
        return self._window.images_per_s

    @property
    def data_wait(self) -> float | None:
        """Percent of the last 10 s or more in which the device waited for images, None before anything was timed."""
        window = self._window
        return 100 * window.waited / window.seconds if window.seconds else None

    def waiting(self, batches: Iterable[T]) -> Iterator[T]:
        """Yield the batches, and measure the wait for each."""
        iterator = iter(batches)
        while True:
            self._waits.begin()
            batch = next(iterator, None)
            self._waits.end()
            if batch is None:
                return
            yield batch

    def step(self, images: int) -> None:
        """Count a step of ``images`` that was queued."""
        self._steps += 1
        self._images += images
        self.move()

    def read(self) -> None:
        """End a stretch and begin the next; call it when the device has finished all queued work.

        The first call of a run only begins one, since the first step includes one-time setup.
        """
        now, waited = self._clock(), self._waits.take()
        if self._stretch_began is not None and self._steps and now > self._stretch_began:
            taken = now - self._stretch_began
            self._add(Stretch(self._steps, self._images, taken, min(waited, taken)))
        self._stretch_began, self._steps, self._images = now, 0, 0

    def _add(self, stretch: Stretch) -> None:
        stretches = self._stretches
        stretches.append(stretch)
        seconds = sum(one.seconds for one in stretches)
        while len(stretches) > _LEAST_STRETCHES and seconds - stretches[0].seconds >= _PACE_WINDOW:
            seconds -= stretches.popleft().seconds
        self._window = sum(stretches, Stretch())
        self._epoch += stretch

    def end_epoch(self) -> Stretch:
        """Return the sum of the stretches since the last call."""
        epoch, self._epoch = self._epoch, Stretch()
        return epoch

    def move(self) -> None:
        """Record that the run has been training until now."""
        self._moved = self._clock()

    def go_on(self) -> None:
        """Count the time since the last ``move`` or ``step`` as a pause."""
        now = self._clock()
        self.stood += now - self._moved
        self._moved = now
        self.restart()

    def restart(self) -> None:
        """Discard the current stretch and begin a new one."""
        self._stretch_began = self._clock() if self._stretch_began is not None else None
        self._steps = self._images = 0
        self._waits.restart()

    def epoch_overhead(self, seconds: float) -> None:
        """Set the seconds that an epoch takes besides its steps, such as validation."""
        self._overhead = seconds

    def eta(self, *, steps_left: int, epochs_left: int, steps: int) -> float | None:
        """Return the estimated seconds until the last epoch ends, None before anything was timed.

        ``steps_left`` are those of the current epoch, ``epochs_left`` the epochs after it, of ``steps`` each.
        """
        window = self._window
        if not window.steps:
            return None
        step_time, overhead = window.seconds / window.steps, self._overhead or 0.0
        return step_time * (steps_left + epochs_left * steps) + overhead * (epochs_left + 1)
