"""Checkpoints saved by time, in the middle of an epoch: what a kill there costs, and that they change nothing."""

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from safetensors.torch import load_file

from engine.control.commands import Pause, Resume, Set, Stop
from engine.journal.events import CheckpointSaved, CommandAccepted, Paused, Resumed, RolledBack, RunStarted
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from engine.run.train_state import read_progress
from engine.training.checkpoint import Which, find_first
from engine.training.loop import TrainingLoop
from tests.engine.conducting import Watcher, play
from tests.engine.hooked import Engines
from tests.engine.test_nan import hook
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_run

SETTINGS = (
    "train.epochs=2", "data.batch_size=3", "mixup.alpha=0.5", "model.drop_rate=0.3", "optim.grad_accum_steps=2",
    "train.model_ema_decay=0.99", "schedule.kind=cosine",
)  # fmt: skip
AT_EVERY_STEP = "train.checkpoint_minutes=1e-6"
KILL = """
import os, signal
from engine.journal import log as journal
append_all = journal.JournalWriter.append_all

def killed(self, *events):
    stamped = append_all(self, *events)
    if any(getattr(event, "reason", "").startswith("every") for event in events):
        os.kill(os.getpid(), signal.SIGKILL)
    return stamped

journal.JournalWriter.append_all = killed
"""


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("cache")) as made:
        yield made


def timed(run: RunDir) -> list[CheckpointSaved]:
    events = JournalReader(run.journal).read()
    saved = [event for event in events if isinstance(event, CheckpointSaved)]
    return [event for event in saved if event.reason.startswith("every")]


def test_a_kill_in_the_first_epoch_costs_no_more_than_since_the_last_save(
    engines: Engines, pictures: Path, runs: Path
) -> None:
    whole = make_run(runs, pictures, *SETTINGS, "train.checkpoint_minutes=0", name="whole")
    assert play(whole).code == 0
    assert timed(whole) == []
    run = make_run(runs, pictures, *SETTINGS, AT_EVERY_STEP)
    places = []
    for _ in range(3):
        assert engines.run(run, KILL) == -9
        progress = read_progress(run.checkpoints / "last")
        places.append((progress.epoch, progress.step))
    assert places == [(1, 2), (1, 4), (1, 6)]  # of nine batches an epoch
    assert [(event.which, event.epoch, event.step, event.reason) for event in timed(run)] == [
        ("last", epoch, step, "every 1e-06 minutes") for epoch, step in places
    ]
    played = play(run)
    assert played.code == 0
    starts = [event for event in played.events if isinstance(event, RunStarted)]
    assert [(event.resumed_epoch, event.resumed_step) for event in starts] == [(0, 0), *places]
    assert_same_end(run, whole)


def test_they_are_saved_where_no_gradients_are_held_and_not_in_a_validation(
    pictures: Path, runs: Path
) -> None:
    run = make_run(runs, pictures, *SETTINGS, AT_EVERY_STEP)
    assert play(run).code == 0
    places = [(event.epoch, event.step) for event in timed(run)]
    assert places
    assert set(places) <= {(epoch, step) for epoch in (1, 2) for step in (2, 4, 6, 8)}
    assert len(places) == len(set(places))


def test_the_time_is_counted_from_the_last_save_and_can_be_changed(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves: list[tuple[float, str]] = []
    save = TrainingLoop.save

    def seen(self: TrainingLoop, which: tuple[Which, ...], reason: str) -> None:
        if "last" in which:
            saves.append((time.monotonic(), reason))
        save(self, which, reason)

    monkeypatch.setattr(TrainingLoop, "save", seen)
    run = make_run(runs, pictures, "train.epochs=9999", "schedule.patience=9999", "train.checkpoint_every=7")
    off = []

    def script(watcher: Watcher) -> None:
        def until_epochs(more: int) -> None:
            epochs = len(watcher.state.epochs)
            watcher.until(lambda state: len(state.epochs) > epochs + more)

        until_epochs(8)
        assert not by_time(saves)  # by default it is ten minutes
        answer = watcher.ask(Set(key="train.checkpoint_minutes", value="0.001"))
        assert isinstance(answer, CommandAccepted)
        assert answer.detail == "train.checkpoint_minutes = 0.001"
        watcher.until(lambda _: len(by_time(saves)) > 3)
        watcher.ask(Pause())
        time.sleep(0.2)
        watcher.ask(Resume())
        watcher.ask(Set(key="train.checkpoint_minutes", value="0"))
        off.append(len(by_time(saves)))
        until_epochs(4)
        watcher.ask(Stop())

    played = play(run, script)
    assert played.code == 0
    assert len(by_time(saves)) == off[0]
    for (earlier, _), (later, reason) in pairwise(saves):
        assert reason != "every 0.001 minutes" or later - earlier >= 0.06
    paused, resumed = (
        next(number for number, event in enumerate(played.events) if isinstance(event, kind))
        for kind in (Paused, Resumed)
    )
    # One may have been under way.
    assert sum(isinstance(event, CheckpointSaved) for event in played.events[paused:resumed]) <= 1


def by_time(saves: list[tuple[float, str]]) -> list[str]:
    return [reason for _, reason in saves if reason.startswith("every")]


@pytest.mark.parametrize("step", [1, 4])
def test_what_is_no_number_is_not_saved(engines: Engines, pictures: Path, runs: Path, step: int) -> None:
    run = make_run(runs, pictures, *SETTINGS, "data.cache=off", "data.workers=0", AT_EVERY_STEP)
    assert engines.run(run, hook((1, step))) == 1
    assert all(event.step < step for event in timed(run))
    for file in run.checkpoints.glob("*/*.safetensors"):
        for name, value in load_file(file).items():
            assert not value.is_floating_point() or value.isfinite().all(), f"{file}: {name}"
    if step == 4:
        assert read_progress(run.checkpoints / "last").step == 2


def test_back_to_where_the_first_epoch_began_whatever_was_saved_since(
    engines: Engines, pictures: Path, runs: Path
) -> None:
    settings = (*SETTINGS, "data.cache=off", "data.workers=0", "train.on_nan=rollback")
    bad = hook((1, 5), above=0.002)
    whole = make_run(runs, pictures, *settings, "train.checkpoint_minutes=0", name="whole")
    assert engines.run(whole, bad) == 0
    timely = make_run(runs, pictures, *settings, AT_EVERY_STEP, name="timely")
    assert engines.run(timely, bad) == 0
    assert (1, 2) in {(event.epoch, event.step) for event in timed(timely)}
    cut_off = make_run(runs, pictures, *settings, AT_EVERY_STEP, name="cut_off")
    for _ in range(2):
        assert engines.run(cut_off, KILL) == -9
    assert find_first(cut_off.checkpoints) is not None
    assert engines.run(cut_off, bad) == 0
    for run in (timely, cut_off):
        (back,) = (event for event in JournalReader(run.journal).read() if isinstance(event, RolledBack))
        assert (back.epoch, back.best_epoch) == (1, 0)
        assert_same_end(run, whole)
        assert {path.name for path in run.checkpoints.iterdir()} == {"best", "last"}
