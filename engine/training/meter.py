"""Running figures of an epoch, kept on the device and read seldom, and the pace of the run."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch

from engine.core.throttle import Throttle
from engine.run.train_state import Progress

_PACE_WINDOW = 0.9

T = TypeVar("T")


class Meter:
    """Sums of loss and hits. Reading them waits for the device, so it is done at most ten times a second."""

    def __init__(self, device: torch.device, progress: Progress) -> None:
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

    def read(self, progress: Progress) -> None:
        """Put the sums into ``progress``, exactly as the device holds them."""
        progress.loss_sum = float(self._loss_sum)
        progress.correct = int(self._correct)
        progress.seen = self._seen

    def first_bad(self) -> int:
        """Return the first step whose loss was no number, of those added here; 0 if there is none."""
        good = int(self._good)
        return self._steps[good] if good < len(self._steps) else 0


class Pace:
    """Images a second, what was waited for, and the time left, from what the run itself has taken.

    Pauses don't count.
    """

    def __init__(self) -> None:
        self.stood = 0.0
        """Seconds that the run has stood still: pauses, predictions, a process that was suspended."""
        self._moved = time.monotonic()
        self._waited = 0.0
        self._wait_time = 0.0
        self._epoch = [0.0, 0.0]
        self._step_time = 0.0
        self._images_per_s = 0.0
        self._mark: float | None = None
        self._overhead: float | None = None

    @property
    def images_per_s(self) -> float:
        return self._images_per_s

    @property
    def data_wait(self) -> float | None:
        """Percent of the last steps' time that went by until their images were ready, None before any step."""
        return 100 * min(1.0, self._wait_time / self._step_time) if self._step_time else None

    def waiting(self, batches: Iterable[T]) -> Iterator[T]:
        """Yield the batches, and count how long each is waited for."""
        feed = iter(batches)
        while True:
            started = time.monotonic()
            batch = next(feed, None)
            self._waited += time.monotonic() - started
            if batch is None:
                return
            yield batch

    def epoch_wait(self) -> tuple[float, float]:
        """Return the seconds that were waited for images and those of all steps since the last call."""
        waited, taken = self._epoch
        self._epoch = [0.0, 0.0]
        return waited, taken

    def step(self, images: int) -> None:
        """Count a step that ends now; the first one after a ``restart`` only sets the mark."""
        now = time.monotonic()
        if self._mark is not None and now > self._mark:
            taken = now - self._mark
            keep = _PACE_WINDOW if self._step_time else 0.0
            self._step_time = keep * self._step_time + (1 - keep) * taken
            self._images_per_s = keep * self._images_per_s + (1 - keep) * images / taken
            waited = min(self._waited, taken)  # more, if the clock was restarted while it waited
            self._wait_time = keep * self._wait_time + (1 - keep) * waited
            self._epoch[0] += waited
            self._epoch[1] += taken
        self._mark, self._waited, self._moved = now, 0.0, now

    def move(self) -> None:
        """Know that the run has not stood still up to now."""
        self._moved = time.monotonic()

    def go_on(self) -> None:
        """Count the time since the run last moved as standing still."""
        now = time.monotonic()
        self.stood += now - self._moved
        self._moved = now
        self.restart()

    def restart(self) -> None:
        """Begin a new stretch of steps."""
        self._mark, self._waited = (time.monotonic() if self._step_time else None), 0.0

    def epoch_overhead(self, seconds: float) -> None:
        """Remember what an epoch takes besides its steps: validation, pictures."""
        self._overhead = seconds

    def eta(self, *, steps_left: int, epochs_left: int, steps: int) -> float | None:
        """Return the seconds until the last epoch ends, None before anything was timed."""
        if not self._step_time:
            return None
        overhead = self._overhead or 0.0
        return self._step_time * (steps_left + epochs_left * steps) + overhead * (epochs_left + 1)
