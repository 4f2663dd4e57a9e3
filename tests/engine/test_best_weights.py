"""The best weights: always those of the epoch that is told as the best, and a rollback to them whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from engine.journal.events import (
    CommandRejected,
    EpochEnded,
    PredictionWritten,
    RolledBack,
    RunEnded,
    Warning,
)
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from engine.training.checkpoint import load_model_file
from tests.engine.conducting import Watcher
from tests.engine.hooked import Engines
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_run

SETTINGS = (
    "data.workers=0", "data.batch_size=4", "schedule.monitor=val_loss", "schedule.patience=1000", "optim.lr=0.002",
    "mixup.alpha=0.2",
)  # fmt: skip
SCORES = """
from tests.engine.scores import make_scores
make_scores(val_loss=(1.2, 1.0, 1.1, 0.9, 0.95, 1.3))
"""
"""New bests are the epochs 1, 2 and 4."""
ROLL_BACK = """
from pathlib import Path
from engine.control.commands import Rollback, send
from engine.run.directory import RunDir

def roll_back(*_):
    send(RunDir(Path(RUN)).commands, Rollback())

def nth(number, call, act):
    count = 0
    def counted(*args, **named):
        nonlocal count
        count += 1
        if count == number:
            act()
        return call(*args, **named)
    return counted
"""
SAVED = """
import time
from engine.journal.events import CheckpointSaved
from engine.journal.log import JournalReader

def wait_for_the_saves():
    "Return once the saves at the end of epoch 2 are done, the last of which stands before epoch 3."
    def done(event):
        return isinstance(event, CheckpointSaved) and (event.which, event.epoch) == ("last", 3)
    while not any(map(done, JournalReader(RunDir(Path(RUN)).journal).read())):
        time.sleep(0.01)
"""
IN_EPOCH_3 = "from engine.training.trainer import Trainer; Trainer._learn = nth(16, Trainer._learn, {act})\n"


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture(scope="module")
def unbroken(engines: Engines, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("unbroken"), pictures, *SETTINGS, "train.epochs=6")
    assert engines.run(run, SCORES) == 0, run.engine_log.read_text()
    return run


def told(run: RunDir, kind: type) -> list:  # type: ignore[type-arg]
    return [event for event in JournalReader(run.journal).read() if isinstance(event, kind)]


def assert_same_best(run: RunDir, other: RunDir) -> None:
    (ours, facts), (theirs, their_facts) = (load_model_file(one.checkpoints / "best") for one in (run, other))
    assert facts == their_facts
    assert ours.keys() == theirs.keys()
    assert all(value.equal(theirs[name]) for name, value in ours.items())


def test_those_of_an_epoch_that_a_kill_made_void_are_not_used(
    engines: Engines, pictures: Path, runs: Path, unbroken: RunDir
) -> None:
    later = 4
    shorter = make_run(runs, pictures, *SETTINGS, f"train.epochs={later - 1}", name="shorter")
    assert engines.run(shorter, SCORES) == 0
    (known,) = told(shorter, RunEnded)
    run = make_run(runs, pictures, *SETTINGS, f"train.checkpoint_every={later - 1}", "train.epochs=6")
    kill = f"""{SCORES}
import os, signal
from engine.journal.events import CheckpointSaved
on_event(
    lambda event: isinstance(event, CheckpointSaved) and (event.which, event.epoch) == ("best", {later}),
    lambda: os.kill(os.getpid(), signal.SIGKILL),
)
"""
    assert engines.run(run, kill) == -9
    assert load_model_file(run.checkpoints / "best")[1].best_epoch == later
    stop = f"""{SCORES}
import os, signal
from engine.journal.events import EpochStarted
on_event(lambda event: isinstance(event, EpochStarted), lambda: os.kill(os.getpid(), signal.SIGTERM))
"""
    assert engines.run(run, stop) == 130, run.engine_log.read_text()
    assert told(run, RunEnded)[-1].best_epoch == known.best_epoch < later
    assert_same_best(run, shorter)
    assert run.validation.read_bytes() == shorter.validation.read_bytes()
    assert engines.run(run, SCORES) == 0
    assert_same_end(run, unbroken)
    assert run.validation.read_bytes() == unbroken.validation.read_bytes()
    assert not list(run.checkpoints.glob(".*"))


def test_a_rollback_while_they_are_judged_is_refused(
    engines: Engines, pictures: Path, runs: Path, unbroken: RunDir
) -> None:
    run = make_run(runs, pictures, *SETTINGS, "train.epochs=6")
    hook = "from engine.data.batches import Feed; Feed.val = nth(3, Feed.val, roll_back)"
    assert engines.run(run, SCORES + ROLL_BACK + hook) == 0, run.engine_log.read_text()
    (refused,) = told(run, CommandRejected)
    assert refused.reason == "the epoch is being validated; roll back once that is done"
    assert not told(run, RolledBack)
    assert_same_best(run, unbroken)
    assert [event.val_loss for event in told(run, EpochEnded)] == [
        event.val_loss for event in told(unbroken, EpochEnded)
    ]


def test_a_rollback_to_weights_of_another_shape_is_refused_by_name(
    engines: Engines, pictures: Path, runs: Path, unbroken: RunDir
) -> None:
    run = make_run(runs, pictures, *SETTINGS, "train.epochs=3")
    spoil = """
from tests.engine.test_best_weights import spoil
def act():
    wait_for_the_saves()
    spoil(RUN)
    roll_back()
"""
    hook = SCORES + ROLL_BACK + SAVED + spoil + IN_EPOCH_3.format(act="act")
    assert engines.run(run, hook) == 0, run.engine_log.read_text()
    (refused,) = told(run, CommandRejected)
    assert "best/model.safetensors can't be used" in refused.reason
    last = [event.val_loss for event in told(run, EpochEnded)]
    assert last == [event.val_loss for event in told(unbroken, EpochEnded)][:3]
    # They are the best still: there is nothing to predict with, and the training is finished all the same.
    assert told(run, RunEnded)[-1].outcome == "finished"
    assert not told(run, PredictionWritten)
    assert told(run, Warning)[-1].message == (
        "no prediction: the weights don't make a test_efficientnet: 1 tensor of another shape, "
        "blocks.0.0.conv.weight first; vrdl-tui predict makes it once that is mended"
    )


def spoil(run: str) -> None:
    """Give a tensor of the best weights one row more, once those of epoch 2 are saved."""
    Watcher(RunDir(Path(run))).until(
        lambda state: "best" in state.checkpoints and state.checkpoints["best"].epoch == 2
    )
    path = RunDir(Path(run)).checkpoints / "best/model.safetensors"
    with safe_open(path, "pt") as file:
        table = file.metadata()
    tensors = load_file(path)
    name = next(name for name, value in tensors.items() if value.dim() == 4)
    tensors[name] = tensors[name].repeat(2, 1, 1, 1)
    save_file(tensors, path, table)


def test_a_rollback_that_cannot_be_saved_changes_nothing(
    engines: Engines, pictures: Path, runs: Path, unbroken: RunDir
) -> None:
    run = make_run(runs, pictures, *SETTINGS, "train.epochs=6")
    refuse_once = """
from engine.training import checkpoint
save_file = checkpoint.save_file

def refused(*_):
    checkpoint.save_file = save_file
    raise PermissionError(13, "Permission denied")

def act():
    wait_for_the_saves()
    checkpoint.save_file = refused
    roll_back()
"""
    hook = SCORES + ROLL_BACK + SAVED + refuse_once + IN_EPOCH_3.format(act="act")
    assert engines.run(run, hook) == 0, run.engine_log.read_text()
    (refused,) = told(run, CommandRejected)
    assert "checkpoint last could not be written" in refused.reason
    assert_same_best(run, unbroken)
    ours, theirs = (load_file(one.checkpoints / "last/train_state.safetensors") for one in (run, unbroken))
    assert all(value.equal(theirs[key]) for key, value in ours.items())


def test_a_resume_that_fails_early_still_says_what_is_the_best(
    engines: Engines, pictures: Path, runs: Path
) -> None:
    run = make_run(runs, pictures, *SETTINGS, "train.epochs=2")
    assert engines.run(run, SCORES) == 0
    (first,) = told(run, RunEnded)
    run.recipe.write_text(run.recipe.read_text().replace('device = "cpu"', 'device = "cuda"'))
    assert engines.run(run) != 0
    second = told(run, RunEnded)[-1]
    assert second.outcome == "failed"
    assert (second.epoch, second.best, second.best_epoch) == (first.epoch, first.best, first.best_epoch)
    assert len(told(run, PredictionWritten)) == 1
