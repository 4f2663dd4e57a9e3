"""Image processes killed while a run trains: done again by others, with the very same numbers."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.journal.events import BadImage, RunEnded, RunWarning, Step
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from tests.engine.hooked import Engines
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_pictures, make_run

SETTINGS = (
    "train.epochs=2", "data.batch_size=4", "data.workers=2", "data.cache=off", "mixup.alpha=0.5",
    "model.drop_rate=0.3",
)  # fmt: skip

KILL = """
import os, signal, psutil
from engine.training.trainer import Trainer

learn, steps = Trainer._learn, 0

def learn_and_kill(self, batch):
    global steps
    learn(self, batch)
    steps += 1
    if steps in (2, 9):
        for child in psutil.Process().children()[:{count}]:
            child.kill()

Trainer._learn = learn_and_kill
"""
KILL_ALL = """
import contextlib, psutil, threading, time

def slay():
    while True:
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                child.kill()
        time.sleep(0.01)

on_event(lambda event: type(event).__name__ == "Step", slay)
"""
NO_PATIENCE = "from engine.data.loading import pool; pool._PATIENCE = 5.0"


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def unbroken(engines: Engines, data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("unbroken"), data, *SETTINGS)
    assert engines.run(run) == 0, run.engine_log.read_text()
    return run


def told(run: RunDir, kind: type) -> list:  # type: ignore[type-arg]
    return [event for event in JournalReader(run.journal).read() if isinstance(event, kind)]


@pytest.mark.parametrize("count", [1, 2])
def test_killed_in_mid_epoch(engines: Engines, data: Path, runs: Path, unbroken: RunDir, count: int) -> None:
    run = make_run(runs, data, *SETTINGS)
    assert engines.run(run, KILL.format(count=count)) == 0, run.engine_log.read_text()
    told_of = [event.message for event in told(run, RunWarning) if "image process" in event.message]
    assert count <= len(told_of) <= 2 * count, (
        told_of
    )  # what takes the place of the first may not be there yet
    assert all("ended by SIGKILL) died and was replaced" in message for message in told_of)
    assert not told(run, BadImage)
    assert_same_end(run, unbroken)


def test_processes_that_keep_dying_end_the_run_with_one_line(
    engines: Engines, data: Path, runs: Path
) -> None:
    run = make_run(runs, data, *SETTINGS, "train.epochs=1000", "schedule.patience=1000")
    assert engines.run(run, KILL_ALL) == 1
    (ended,) = told(run, RunEnded)
    assert "image processes keep dying (ended by SIGKILL)" in ended.reason
    assert "set data.workers=0 to read images without them" in ended.reason
    assert "\n" not in ended.reason


def test_a_run_that_was_suspended_blames_no_process(
    engines: Engines, data: Path, runs: Path, unbroken: RunDir
) -> None:
    """Stopped with all its processes for longer than it waits for a stuck one, as a batch system does."""
    run = make_run(runs, data, *SETTINGS)
    engine = psutil.Process(engines.start(run, NO_PATIENCE))
    while not told(run, Step):
        time.sleep(0.01)
    family = [engine, *engine.children()]
    for one in family:
        one.suspend()
    time.sleep(7)
    os.kill(engine.pid, signal.SIGCONT)  # before its processes: it finds no answer first
    time.sleep(0.3)
    for one in family[1:]:
        one.resume()
    assert engines.wait() == 0
    assert not [event.message for event in told(run, RunWarning) if "image process" in event.message]
    assert not told(run, BadImage)
    assert_same_end(run, unbroken)
