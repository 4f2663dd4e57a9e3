"""Stopped, killed, resumed: the numbers are those of an unbroken run, to the bit."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from engine.control.commands import Pause, Stop
from engine.journal.events import CommandAccepted, EpochEnded
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tests import warm
from tests.engine.conducting import Watcher, play
from tests.made_data import make_run

SETTINGS = (
    "train.epochs=4",
    "mixup.alpha=0.5",
    "model.drop_rate=0.3",
    "data.batch_size=4",
    "schedule.every=1",
)


@pytest.fixture(scope="module")
def unbroken(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("unbroken"), pictures, *SETTINGS)
    assert play(run).code == 0
    return run


def assert_same_end(run: RunDir, unbroken: RunDir) -> None:
    assert run.train_log.read_text() == unbroken.train_log.read_text()
    assert run.prediction.read_bytes() == unbroken.prediction.read_bytes()
    for name in ("best/model", "last/model", "last/train_state"):
        ours, theirs = (load_file(place.checkpoints / f"{name}.safetensors") for place in (run, unbroken))
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            assert value.equal(theirs[key]), f"{name}: {key}"
    history, expected = (_history(place) for place in (run, unbroken))
    assert history == expected


def _history(run: RunDir) -> list[tuple[float, ...]]:
    watcher = Watcher(run)
    watcher.look()
    return [
        (e.epoch, e.lr, e.train_acc, e.train_loss, e.val_acc, e.val_loss, e.best)
        for e in watcher.state.epochs
    ]


def test_stop_in_the_middle_of_an_epoch(pictures: Path, runs: Path, unbroken: RunDir) -> None:
    run = make_run(runs, pictures, *SETTINGS)

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch is not None and state.epoch.epoch == 2)
        assert isinstance(watcher.ask(Pause()), CommandAccepted)
        assert isinstance(watcher.ask(Stop()), CommandAccepted)

    first = play(run, script)
    assert first.code == 0
    assert first.state.status(alive=False) == "stopped"
    assert len(first.state.epochs) < 4
    second = play(run)
    assert second.code == 0
    assert second.state.started is not None
    assert (second.state.started.attempt, second.state.started.resumed_epoch) == (2, 2)
    assert_same_end(run, unbroken)


def test_stop_after_the_epoch(pictures: Path, runs: Path, unbroken: RunDir) -> None:
    run = make_run(runs, pictures, *SETTINGS)

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch is not None and state.epoch.epoch == 2)
        watcher.ask(Stop(after_epoch=True))

    first = play(run, script)
    assert first.state.ended is not None
    assert first.state.ended.outcome == "stopped"
    assert first.events[-1].t >= next(e.t for e in first.events if isinstance(e, EpochEnded) and e.epoch >= 2)
    play(run)
    assert_same_end(run, unbroken)


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda state: state.epoch is not None, id="first epoch, no checkpoint yet"),
        pytest.param(lambda state: state.step is not None and state.step.epoch == 3, id="third epoch"),
    ],
)
def test_kill_dash_nine(
    pictures: Path, runs: Path, unbroken: RunDir, moment: Callable[[RunState], bool]
) -> None:
    run = make_run(runs, pictures, *SETTINGS)
    process = warm.start([sys.executable, "-P", "-m", "engine", run.path], stderr=subprocess.DEVNULL)
    watcher = Watcher(run)
    watcher.until(moment)
    process.kill()
    process.wait()
    assert not run.is_alive()
    watcher.look()
    assert watcher.state.status(alive=False) == "interrupted"
    with run.journal.open("ab") as journal:
        journal.write(b'{"type":"step","epo')  # what a power cut leaves of a line
    assert play(run).code == 0
    assert_same_end(run, unbroken)


def test_sigterm_saves_and_ends_as_interrupted(pictures: Path, runs: Path, unbroken: RunDir) -> None:
    run = make_run(runs, pictures, *SETTINGS)
    process = warm.start([sys.executable, "-P", "-m", "engine", run.path], stderr=subprocess.DEVNULL)
    watcher = Watcher(run)
    watcher.until(lambda state: state.step is not None and state.step.epoch == 2)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    watcher.look()
    assert watcher.state.ended is not None
    assert watcher.state.ended.outcome == "interrupted"
    assert play(run).code == 0
    assert_same_end(run, unbroken)
