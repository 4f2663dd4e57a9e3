"""A clock that is put back and a process that is suspended: order, numbers and durations stay right."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine.control.commands import Pause, Resume
from engine.journal.events import EpochEnded, EpochStarted, Resumed, Step
from engine.journal.index import past_state
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from tests.engine.conducting import Watcher
from tests.engine.hooked import Engines
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_run
from tui.widgets.wording import duration

SETTINGS = ("train.epochs=3", "data.workers=1", "data.batch_size=4", "mixup.alpha=0.5", "model.drop_rate=0.3")

# The wall clock jumps back an hour at the second epoch, forth a day at the third.
JUMPS = """
import time
from engine.training.trainer import Trainer

wall, epoch, shift = time.time, Trainer.epoch, [0.0]
time.time = lambda: wall() + shift[0]

def jump(self, attend):
    shift[0] = {1: 0.0, 2: -3600.0, 3: 86400.0}[self.progress.epoch]
    return epoch(self, attend)

Trainer.epoch = jump
"""
PAUSED_IN_VALIDATION = """
import threading
from pathlib import Path
from engine.control.commands import Pause, Resume, send
from engine.data.batches import BatchStream

commands, val = Path(RUN, "commands"), BatchStream.val

def paused(self, *arguments):
    BatchStream.val = val
    send(commands, Pause())
    threading.Timer(8.0, send, (commands, Resume())).start()
    return val(self, *arguments)

BatchStream.val = paused
"""
DURATIONS = ("seconds", "eta", "paused_for", "data_wait", "images_per_s")


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture(scope="module")
def unbroken(engines: Engines, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("unbroken"), pictures, *SETTINGS)
    assert engines.run(run) == 0, run.engine_log.read_text()
    return run


def assert_sound(run: RunDir, longest: float) -> None:
    events = JournalReader(run.journal).read()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for event in events:
        for name, value in msgspec.structs.asdict(event).items():
            assert name not in DURATIONS or value is None or 0 <= value < 1e6, event
        if isinstance(event, EpochEnded):
            assert event.seconds < longest
        if isinstance(event, Step) and event.eta is not None:
            assert event.eta < 3 * longest


def test_the_wall_clock_is_put_back_and_forth(
    engines: Engines, pictures: Path, runs: Path, unbroken: RunDir
) -> None:
    run = make_run(runs, pictures, *SETTINGS)
    begun = time.monotonic()
    assert engines.run(run, JUMPS) == 0, run.engine_log.read_text()
    times = [event.t for event in JournalReader(run.journal).read()]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) < -3500
    assert_sound(run, time.monotonic() - begun)
    assert past_state(JournalReader(run.journal)).status(alive=run.is_alive()) == "finished"
    assert_same_end(run, unbroken)


def test_a_suspended_engine_goes_on_as_if_nothing_had_been(
    engines: Engines, pictures: Path, runs: Path, unbroken: RunDir
) -> None:
    run = make_run(runs, pictures, *SETTINGS)
    engine, watcher = engines.start(run), Watcher(run)
    watcher.until(lambda state: state.step)
    for _ in range(2):
        os.kill(engine, signal.SIGSTOP)
        time.sleep(1.0)
        assert run.is_alive()  # whoever asks meanwhile is told that it has the run
        os.kill(engine, signal.SIGCONT)
        time.sleep(0.1)
    assert engines.wait() == 0, run.engine_log.read_text()
    assert_sound(run, 60)
    assert_same_end(run, unbroken)
    assert stood_still(run) >= 0.9  # the second time it may have been through with its epochs


def stood_still(run: RunDir) -> float:
    """Return the seconds between the first step and the last epoch's end that no epoch counts as its own."""
    events = JournalReader(run.journal).read()
    ended = [event for event in events if isinstance(event, EpochEnded)]
    begun = next(event for event in events if isinstance(event, EpochStarted))
    return ended[-1].t - begun.t - sum(event.seconds for event in ended)


def test_a_pause_while_the_weights_are_judged_is_no_part_of_an_epoch(
    engines: Engines, pictures: Path, runs: Path
) -> None:
    run = make_run(runs, pictures, *SETTINGS)
    assert engines.run(run, PAUSED_IN_VALIDATION) == 0, run.engine_log.read_text()
    events = JournalReader(run.journal).read()
    (resumed,) = (event for event in events if isinstance(event, Resumed))
    assert resumed.paused_for > 7
    assert stood_still(run) >= resumed.paused_for
    assert all(
        event.eta < resumed.paused_for
        for event in events
        if isinstance(event, Step) and event.eta is not None
    )


def test_a_pause_is_as_long_as_it_was(engines: Engines, pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, *SETTINGS)
    engines.start(run, JUMPS.replace("{1: 0.0", "{1: -7200.0"))
    watcher = Watcher(run)
    watcher.until(lambda state: state.epoch)
    begun = time.monotonic()
    watcher.ask(Pause())
    time.sleep(0.5)
    watcher.ask(Resume())
    taken = time.monotonic() - begun
    assert engines.wait() == 0
    (resumed,) = (event for event in JournalReader(run.journal).read() if isinstance(event, Resumed))
    assert 0.5 <= resumed.paused_for <= taken


def test_no_negative_duration_is_shown() -> None:
    assert duration(-3600) == "0:00"


def test_a_suspension_is_no_part_of_the_pace() -> None:
    from engine.training.meter import Pace

    pace = Pace()

    def batches() -> Iterator[int]:
        for number in range(4):
            if number == 2:
                time.sleep(0.5)  # suspended here
                pace.go_on()  # as SIGCONT has it
            time.sleep(0.01)
            yield number

    for _ in pace.waiting(batches()):
        pace.step(1)
        pace.read()
    eta = pace.eta(steps_left=1, epochs_left=0, steps=1)
    assert eta is not None
    assert eta < 0.2
    epoch = pace.end_epoch()
    assert epoch.waited <= epoch.seconds < 0.3
    assert 0.5 <= pace.stood < 0.7
