"""Runs that version 0.1.0 left behind: they open, predict and go on. ``tests/fixtures/runs_0_1_0`` has them."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.analysis.predictions import read_judged
from engine.journal.events import (
    CheckpointSaved,
    EpochStarted,
    OutlierExcluded,
    RunWarning,
    SettingChanged,
    Step,
    ThresholdSet,
    UnknownEvent,
    encode_line,
)
from engine.journal.log import JournalReader
from engine.model.ema import ModelEma
from engine.recipe.recipe import change, load_recipe
from engine.run.directory import RunDir
from engine.run.train_state import read_progress
from tests.cli.calling import call, refusal
from tests.engine.conducting import Played, Watcher, play

EARLIER = Path(__file__).parents[1] / "fixtures" / "runs_0_1_0"
NAMES = ("finished", "interrupted", "outliers")
DATA = b"/tmp/data"
"""Where the pictures were when the runs were made."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with copies of the runs, and of the pictures that they were trained on."""
    data = shutil.copytree(EARLIER / "data", tmp_path / "data")
    for name in NAMES:
        run = RunDir(shutil.copytree(EARLIER / name, tmp_path / "runs" / name))
        run.commands.mkdir(mode=0o700)  # git keeps no empty folder
        # A run's files have whole paths: the recipe's folders, what the journal says is left out, tables for people.
        # Whoever moves the pictures has to put their new folder into the recipe; the rest a resume finds by itself.
        for file in run.path.rglob("*"):
            if file.suffix in (".toml", ".jsonl", ".csv"):
                file.write_bytes(file.read_bytes().replace(DATA, str(data).encode()))
    return tmp_path


def run_in(place: Path, name: str) -> RunDir:
    return RunDir(place / "runs" / name)


def seen(run: RunDir) -> Watcher:
    watcher = Watcher(run)
    watcher.look()
    return watcher


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def told_since(run: RunDir, before: Watcher) -> Watcher:
    """Return what was told since ``before``, and the state of the whole run."""
    after = seen(run)
    after.events = after.events[len(before.events) :]
    return after


def attempt(played: Played | Watcher) -> tuple[int, int, int]:
    """Return the number of the last attempt, and the epoch and the step after which it went on."""
    started = played.state.started
    assert started is not None
    return started.attempt, started.resumed_epoch, started.resumed_step


@pytest.mark.parametrize("name", NAMES)
def test_no_word_of_a_journal_is_lost(place: Path, name: str) -> None:
    run = run_in(place, name)
    reader = JournalReader(run.journal)
    events, lines = reader.read(), run.journal.read_bytes().splitlines()
    assert not reader.damaged
    assert not [event for event in events if isinstance(event, UnknownEvent)]
    for event, line in zip(events, lines, strict=True):
        assert json.loads(encode_line(event)).items() >= json.loads(line).items()
    assert [event.seq for event in events] == list(range(1, len(lines) + 1))


def test_they_are_listed(place: Path) -> None:
    answer = call("runs", "--json", cwd=place)
    assert (answer.code, answer.err) == (0, "")
    listed: dict[str, dict[str, Any]] = {run["name"]: run for run in json.loads(answer.out)}
    assert listed.keys() == set(NAMES)
    for name, state in zip(NAMES, ("finished", "interrupted", "stopped"), strict=True):
        run = listed[name]
        ended = json.loads(run_in(place, name).journal.read_bytes().splitlines()[-1])
        assert (run["state"], run["host"], run["model"]) == (state, "node1", "test_efficientnet")
        assert run["data"] == str(place / "data" / "train")
        for key in ("epoch", "best", "best_epoch"):
            assert run[key] == ended[key]
    assert [listed[name]["epochs"] for name in NAMES] == [3, 3, 4]
    assert [listed[name]["monitor"] for name in NAMES] == ["val_loss", "val_acc", "val_acc"]
    assert [listed[name]["lr"] for name in NAMES] == [0.003, 0.003, 0.001]
    assert (listed["finished"]["tags"], listed["finished"]["note"]) == (["final", "seed0"], "kept for later")


def test_their_state_is_what_a_console_shows(place: Path) -> None:
    finished, interrupted, outliers = (seen(run_in(place, name)).state for name in NAMES)
    assert [epoch.epoch for epoch in finished.epochs] == [1, 2, 3]
    assert (finished.best_confusion, finished.prediction) != (None, None)
    assert finished.predicted_at_end
    assert len(read_judged(run_in(place, "finished").validation)) == 12
    assert [epoch.epoch for epoch in interrupted.epochs] == [1]
    assert interrupted.data is not None
    assert interrupted.data.split == "stratified"
    assert [(one.key, one.old, one.new, one.by) for one in outliers.settings] == [
        ("optim.lr", "0.003", "0.001", "ann@node1")
    ]
    assert [(one.epoch, one.step) for one in outliers.cuts] == [(2, 8)]
    assert [(one.epoch, one.best_epoch) for one in outliers.rollbacks] == [(3, 2)]
    assert set(outliers.outliers.thresholds) == {"blue", "green", "red"}
    assert len(outliers.outliers.excluded) == 9


def test_the_words_of_their_recipes_mean_what_they_meant(place: Path) -> None:
    steered = load_recipe(run_in(place, "outliers").recipe)
    assert (steered.optim.lr, steered.train.epochs, steered.outliers.percentile) == (0.001, 4, 80)
    meant = load_recipe(run_in(place, "interrupted").recipe)
    assert (meant.optim.grad_accum_steps, meant.train.model_ema_decay) == (2, 0.9)
    assert (meant.model.drop_rate, meant.augment.reprob) == (0.3, 0.2)
    plain = load_recipe(run_in(place, "finished").recipe)
    assert (plain.optim.grad_accum_steps, plain.train.model_ema_decay) == (1, 0.0)
    assert (plain.model.drop_rate, plain.augment.reprob) == (0.2, 0.0)


def test_predict_says_what_the_run_said(place: Path) -> None:
    answer = call("predict", "finished", "--out", "mine.csv", cwd=place)
    assert (answer.code, answer.out, answer.err) == (0, "20 labels written to mine.csv\n", "")
    own, mine = rows(run_in(place, "finished").prediction), rows(place / "mine.csv")
    assert [row["image_name"] for row in mine] == [row["image_name"] for row in own]
    # Another processor may round otherwise, which an image on the edge of two classes shows.
    assert sum(one == other for one, other in zip(own, mine, strict=True)) >= 18


def test_runs_that_were_cut_off_predict_too(place: Path) -> None:
    """Also by running means of weights, and several runs together."""
    answer = call("predict", "interrupted", "outliers", "--checkpoint", "last", cwd=place)
    assert answer.code == 0, answer
    assert len(rows(place / "prediction.csv")) == 20


def test_the_finished_run_is_finished(place: Path) -> None:
    run = run_in(place, "finished")
    assert refusal("resume", "finished", cwd=place).startswith("nothing to resume: run finished finished")
    before, log, prediction = seen(run), run.train_log.read_text(), run.prediction.read_bytes()
    played = play(run)
    assert played.code == 0
    assert played.state.ended is not None
    assert played.state.ended.outcome == "finished"
    assert played.state.epochs == before.state.epochs
    assert run.prediction.read_bytes() == prediction
    assert run.train_log.read_text() == log


def test_the_finished_run_trains_on_for_more_epochs(place: Path) -> None:
    run = run_in(place, "finished")
    before, log = seen(run), run.train_log.read_text()
    run.recipe.write_text(change(load_recipe(run.recipe), "train.epochs", "4").to_toml())
    assert not run.split.exists()
    played = play(run)
    assert played.code == 0
    told = [one.message for one in played.events if isinstance(one, RunWarning)]
    assert (
        told[0] == "the run has no record of its images: those in the folders now are recorded in split.csv"
    )
    assert all("--duplicates" in message for message in told[1:])  # of copies, when there is time
    assert {row["split"] for row in rows(run.split)} == {"train", "val", "test"}
    assert attempt(played) == (2, 4, 0)
    assert played.state.epochs[:3] == before.state.epochs
    (last,) = played.state.epochs[3:]
    assert (last.epoch, last.lr) == (4, before.state.epochs[-1].next_lr)
    before_end, lr = log.partition("\nBest model")[0], f"{last.lr:.3g}"
    assert run.train_log.read_text().startswith(
        f"{before_end}Setting changed: train.epochs 3 -> 4 in recipe.toml; the learning rate stays "
        f"{lr}: counter doesn't depend on train.epochs\nEpoch 4/4 | LR: "
    )


def test_the_interrupted_run_goes_on_at_its_step(place: Path) -> None:
    run = run_in(place, "interrupted")
    before, log, split = seen(run), run.train_log.read_text(), rows(run.split)
    (saved,) = (one for one in before.events if isinstance(one, CheckpointSaved) and one.step)
    answer = call("resume", "interrupted", "--headless", cwd=place)
    assert answer.code == 0, answer
    after = told_since(run, before)
    assert attempt(after) == (2, saved.epoch, saved.step) == (2, 2, 4)
    steps = [(one.epoch, one.step) for one in after.events if isinstance(one, Step)]
    assert steps[0] > (saved.epoch, saved.step)
    assert steps[-1] == (3, 16)
    assert [one.steps for one in after.events if isinstance(one, EpochStarted)] == [16, 16]
    assert after.state.status(alive=False) == "finished"
    assert [epoch.epoch for epoch in after.state.epochs] == [1, 2, 3]
    assert after.state.epochs[0] == before.state.epochs[0]
    assert run.train_log.read_text() == log + answer.out
    assert len(rows(run.prediction)) == 20
    # The test images are recorded from now on, too.
    assert [row for row in rows(run.split) if row["split"] != "test"] == split
    assert len(rows(run.split)) == len(split) + 20
    validates = {f"{row['class']}/{row['image']}" for row in rows(run.split) if row["split"] == "val"}
    judged = {f"{one.label}/{Path(one.path).name}" for one in read_judged(run.validation)}
    assert judged == validates


def test_a_running_mean_does_not_begin_its_ramp_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, steps, update = run_in(place, "interrupted"), [], ModelEma.update

    def seen(self: ModelEma, step: int | None) -> None:
        steps.append(step)
        update(self, step)

    monkeypatch.setattr(ModelEma, "update", seen)
    assert play(run).code == 0
    assert steps == [None] * (6 + 8)
    assert read_progress(run.checkpoints / "last").updates is None


def test_another_plan_begins_its_epoch_again(place: Path) -> None:
    """The checkpoint knows neither recipe nor images; the journal has some of the one and the number of the others."""
    run = run_in(place, "interrupted")
    before = seen(run)
    run.recipe.write_text(change(load_recipe(run.recipe), "data.batch_size", "4").to_toml())
    assert play(run).code == 0
    after = told_since(run, before)
    setting, warning, *_ = (
        one
        for one in after.events
        # Of copies it is told once they have been looked for, which is at any time.
        if isinstance(one, SettingChanged | RunWarning) and "--duplicates" not in getattr(one, "message", "")
    )
    assert isinstance(setting, SettingChanged)
    assert (setting.key, setting.old, setting.new, setting.by) == ("data.batch_size", "2", "4", "recipe.toml")
    assert isinstance(warning, RunWarning)
    assert "data.batch_size 2 -> 4; the epoch begins again. The 4 steps that were trained" in warning.message
    assert [(one.epoch, one.steps) for one in after.events if isinstance(one, EpochStarted)] == [
        (2, 8),
        (3, 8),
    ]


def test_a_journal_with_the_paths_of_before_a_move_leaves_out_what_it_did(place: Path) -> None:
    run = run_in(place, "outliers")
    run.journal.write_bytes((EARLIER / "outliers" / "events.jsonl").read_bytes())
    left_out = seen(run).state.outliers.excluded
    assert all(path.startswith("/tmp/data/") for path in left_out)
    before = seen(run)
    assert play(run).code == 0
    after = told_since(run, before)
    first = next(one for one in after.events if isinstance(one, EpochStarted))
    assert first.steps == (39 - len(left_out)) // 2
    moved = {path.replace("/tmp/data", str(place / "data")) for path in left_out}
    assert set(after.state.outliers.excluded) == moved
    assert not [one for one in after.events if isinstance(one, RunWarning) and "left out" in one.message]


def test_what_was_left_out_stays_out_and_what_was_set_stays_set(place: Path) -> None:
    run = run_in(place, "outliers")
    before, ledger = seen(run), run.outliers.read_bytes()
    left_out = before.state.outliers.excluded
    restored = place / "data" / "train" / "blue" / "blue2.png"
    assert str(restored) not in left_out
    # Who trained with one of them would say that it can't be read, as is said of the one that was restored.
    for path in (*left_out, restored):
        Path(path).write_bytes(b"no picture")
    answer = call("resume", "outliers", "--headless", cwd=place)
    assert answer.code == 0, answer
    after = told_since(run, before)
    assert attempt(after) == (2, 3, 2)
    assert set(after.state.bad_images) == {str(restored)}
    assert not [one for one in after.events if isinstance(one, ThresholdSet | OutlierExcluded)]
    assert after.state.outliers.excluded == left_out
    assert run.outliers.read_bytes() == ledger
    first = next(one for one in after.events if isinstance(one, EpochStarted))
    assert (first.epoch, first.lr, first.steps) == (3, 0.001, (39 - len(left_out)) // 2)
    assert after.state.settings == before.state.settings
    assert not [one for one in after.events if isinstance(one, RunWarning) and "has changed" in one.message]
    assert load_recipe(run.recipe).optim.lr == 0.001
    assert [epoch.epoch for epoch in after.state.epochs] == [1, 2, 3, 4]


def test_what_was_left_out_can_be_restored(place: Path) -> None:
    listed = call("outliers", "list", "outliers", "--json", cwd=place)
    images = {one["path"] for one in json.loads(listed.out)}
    assert len(images) == 9
    assert images == set(seen(run_in(place, "outliers")).state.outliers.excluded)
    answer = call("outliers", "restore", "outliers", "green/green1.png", cwd=place)
    assert answer.out.startswith("1 image restored")
    assert len(seen(run_in(place, "outliers")).state.outliers.excluded) == 8
