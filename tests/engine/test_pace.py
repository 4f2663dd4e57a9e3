"""Images a second, and how long the device waits for them: on made clocks and queues, and in a real run on the CPU."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.data.loading import pool
from engine.journal.events import EpochEnded, EpochStarted, Step
from engine.training.meter import DeviceWaits, HostWaits, Pace, Stretch, waits_of
from tests.engine.conducting import play
from tests.made_data import make_run


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Queue:
    """A device that does one thing after the other, by the test's clock, while the host goes on."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.free_at = 0.0
        """When it will have done all that was asked of it."""

    def ask(self, seconds: float) -> None:
        self.free_at = max(self.free_at, self.clock.now) + seconds

    def synchronize(self) -> None:
        self.clock.now = max(self.clock.now, self.free_at)

    def mark(self) -> "Mark":
        return Mark(self)


class Mark:
    """As ``torch.cuda.Event``: it knows when the queue came to it, and tells nobody before that."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._at = 0.0

    def record(self) -> None:
        self._queue.ask(0.0)
        self._at = self._queue.free_at

    def elapsed_time(self, end_event: "Mark") -> float:
        assert end_event._at <= self._queue.clock.now, "cudaErrorNotReady"
        return 1000 * (end_event._at - self._at)


class Training:
    """A host and a queue that train by the test's clock: batches come after ``wait`` s, a step takes ``work`` s."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.queue = Queue(self.clock)
        self.pace = Pace(DeviceWaits(self.queue.mark), self.clock)

    def steps(self, count: int, *, wait: float, work: float, read_every: int, images: int = 8) -> None:
        def batches() -> Iterator[int]:
            for number in range(count):
                self.clock.now += wait
                yield number

        for number in self.pace.waiting(batches()):
            self.queue.ask(work)
            self.clock.now += 0.001
            self.pace.step(images)
            if (number + 1) % read_every == 0:
                self.queue.synchronize()
                self.pace.read()


def test_images_by_time_and_not_a_mean_of_rates() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    pace.read()
    for images, seconds in ((10, 1.0), (10, 0.1), (3, 0.0), (30, 2.9)):
        pace.step(images)
        clock.now += seconds
        if seconds:
            pace.read()
    assert pace.images_per_s == pytest.approx(53 / 4.0)
    assert pace.end_epoch().images_per_s == pytest.approx(53 / 4.0)
    assert pace.end_epoch() == Stretch()
    # 4 steps in 4 s.
    assert pace.eta(steps_left=2, epochs_left=1, steps=10) == pytest.approx(12.0)


def test_nothing_is_known_before_something_was_timed() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    for _ in range(2):
        assert (pace.images_per_s, pace.data_wait, pace.eta(steps_left=1, epochs_left=1, steps=1)) == (
            0,
            None,
            None,
        )
        pace.restart()
        pace.step(8)
        clock.now += 100  # what the first step sets up
        pace.read()
    assert pace.images_per_s == 8 / 100


def test_what_is_asked_of_a_gpu_is_not_done_yet() -> None:
    """The host asks for a step in 1 ms, which takes the device 100 ms."""
    training = Training()
    training.steps(41, wait=0.0, work=0.1, read_every=1)
    training.steps(40, wait=0.0, work=0.1, read_every=20)
    assert training.pace.images_per_s == pytest.approx(80, rel=0.03)
    assert training.pace.data_wait == pytest.approx(0, abs=1e-6)


def test_waiting_while_the_device_has_work_is_not_the_device_s() -> None:
    training = Training()
    training.steps(41, wait=0.09, work=0.1, read_every=20)
    pace = training.pace
    # Where the meter is read the device runs dry: one wait of twenty is its own.
    assert pace.data_wait == pytest.approx(100 * 0.09 / (20 * 0.1 + 0.09), rel=0.01)
    waits = HostWaits(training.clock)
    waits.begin()
    training.clock.now += 0.09
    waits.end()
    assert waits.take() == pytest.approx(0.09)


def test_a_device_that_is_faster_than_its_images_waits_for_the_rest() -> None:
    training = Training()
    training.steps(1, wait=0.1, work=0.02, read_every=1)
    training.steps(60, wait=0.1, work=0.02, read_every=3)
    epoch = training.pace.end_epoch()
    assert epoch.steps == 60
    # The work of a step that is followed by a read is waited for; that of the others is done within the next wait.
    assert epoch.seconds == pytest.approx(60 * 0.101 + 20 * 0.019)
    assert epoch.waited == pytest.approx(40 * (0.1 - 0.019) + 20 * 0.1)


@pytest.mark.parametrize("kind", ["host", "device"])
def test_a_pause_is_left_out_even_within_a_wait(kind: str) -> None:
    clock = Clock()
    queue = Queue(clock)
    pace = Pace(DeviceWaits(queue.mark) if kind == "device" else HostWaits(clock), clock)

    def batches() -> Iterator[int]:
        for number in range(4):
            clock.now += 0.5
            if number == 2:
                clock.now += 1000
                pace.go_on()
                clock.now += 0.25
            yield number

    for _ in pace.waiting(batches()):
        queue.ask(0.5)
        queue.synchronize()
        pace.step(8)
        pace.read()
    assert pace.end_epoch() == Stretch(steps=3, images=24, seconds=1.0 + 0.75 + 1.0, waited=0.5 + 0.25 + 0.5)
    assert pace.stood == 1000.5


def test_the_pace_is_of_the_last_seconds() -> None:
    training = Training()
    training.steps(101, wait=0.0, work=1.0, read_every=1)
    training.steps(200, wait=0.0, work=0.1, read_every=1)
    assert training.pace.images_per_s == pytest.approx(80, rel=0.02)
    assert training.pace.end_epoch().images_per_s == pytest.approx(8 * 300 / (100 + 20), rel=0.02)


def test_a_cpu_waits_with_its_host() -> None:
    assert isinstance(waits_of(torch.device("cpu")), HostWaits)
    assert isinstance(waits_of(torch.device("cuda")), DeviceWaits)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("busy", [False, True])
def test_a_real_gpu(busy: bool) -> None:
    waits = waits_of(torch.device("cuda"))
    torch.cuda.synchronize()
    if busy:
        torch.cuda._sleep(4 * 10**9)  # cycles: more than a second
    waits.begin()
    time.sleep(0.2)
    waits.end()
    torch.cuda.synchronize()
    assert waits.take() == pytest.approx(0.0 if busy else 0.2, abs=0.05)


@pytest.mark.parametrize("seconds", ["0", "0.1"])
def test_a_run_on_the_cpu(pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    """Images that take a tenth of a second each are what the run waits for most of the time."""
    monkeypatch.setattr(pool, "_PROGRAM", "tests.engine.odd_worker")
    monkeypatch.setenv("ODD_SECONDS", seconds)
    run = make_run(runs, pictures, "train.epochs=2", "data.workers=1", "data.cache=off", "data.batch_size=4")
    played = play(run)
    assert played.code == 0
    events = [event for event in played.events if isinstance(event, EpochStarted | Step | EpochEnded)]
    last = max(place for place, event in enumerate(events) if isinstance(event, EpochStarted))
    steps = [event for event in events[last:] if isinstance(event, Step)]
    ended = events[-1]
    assert isinstance(ended, EpochEnded)
    took = steps[-1].t - events[last].t
    assert ended.images_per_s >= 27 / took * 0.99
    assert all(step.data_wait is not None and 0 <= step.data_wait <= 100 for step in steps)
    if seconds != "0":
        assert ended.images_per_s < 10
        assert steps[-1].data_wait > 50  # type: ignore[operator]
