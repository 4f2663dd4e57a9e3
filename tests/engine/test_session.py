"""A whole run through the real engine: what it writes, to the letter."""

import csv
import re
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from engine.control.commands import Stop, send
from engine.journal import index as journal_index
from engine.journal.events import (
    CheckpointSaved,
    ConfusionMatrix,
    DatasetScanned,
    EpochEnded,
    LrDecayed,
    PredictionWritten,
    RunEnded,
    RunWarning,
    StageStarted,
    Step,
    SystemSample,
)
from engine.journal.index import History, compact, index_path, past_state
from engine.journal.log import JournalReader
from engine.recipe.recipe import Recipe
from engine.run.directory import RunDir
from engine.training import system
from tests.engine.conducting import Played, Watcher, play
from tests.engine.scores import make_scores
from tests.made_data import make_pictures, make_run

LOG = re.compile(
    r"(Epoch (\d+)/4 \| LR: 0\.\d{9}\n"
    r"Epoch \2/4 \| Train Acc: \d+\.\d\d% \| Val Acc: \d+\.\d\d% \| Val Loss: \d+\.\d{5}\n"
    r"(Confusion Matrix saved at: confusion_matrix\2\.png\n)?){4}"
    r"\nBest model weights saved! Validation Acc: \d+\.\d\d%\n"
    r"Confusion Matrix saved at: confusion_matrix\.png\n"
)


def test_a_whole_run(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, "train.epochs=4")
    played = play(run)

    assert played.code == 0
    assert played.state.ended is not None
    assert played.state.ended.outcome == "finished"
    assert played.state.status(alive=False) == "finished"
    assert [event.seq for event in played.events] == list(range(1, len(played.events) + 1))

    assert LOG.fullmatch(run.train_log.read_text())
    ended = [event for event in played.events if isinstance(event, EpochEnded)]
    assert [event.epoch for event in ended] == [1, 2, 3, 4]
    for event in ended:
        line = f"Epoch {event.epoch}/4 | Train Acc: {event.train_acc:.2f}% | Val Acc: {event.val_acc:.2f}% | "
        assert f"{line}Val Loss: {event.val_loss:.5f}\n" in run.train_log.read_text()
    bests = [event.epoch for event in ended if event.new_best]
    for epoch in bests:
        with Image.open(run.confusion_picture(epoch)) as picture:
            picture.verify()
    assert {path.name for path in run.path.glob("*.png")} == {
        "confusion_matrix.png",
        *(f"confusion_matrix{epoch}.png" for epoch in bests),
    }
    for event in played.events:
        if isinstance(event, ConfusionMatrix):
            assert sum(count for _, _, count in event.cells) == 12
            hits = sum(count for true, predicted, count in event.cells if true == predicted)
            assert abs(100 * hits / 12 - ended[event.epoch - 1].val_acc) < 1e-9

    with run.prediction.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["image_name", "pred_label"]
    assert [row[0] for row in rows[1:]] == ["0", "1", "2", "3", "4"]
    assert {row[1] for row in rows[1:]} <= {"blue", "green", "red"}
    written = [event for event in played.events if isinstance(event, PredictionWritten)]
    assert [(event.rows, event.epoch) for event in written] == [(5, bests[-1])]

    Recipe.model_validate(tomllib.loads(run.recipe.read_text()))
    assert [event.stage for event in played.events if isinstance(event, StageStarted)] == [
        "importing", "reading data", "building model", "training", "predicting",
    ]  # fmt: skip
    assert isinstance(played.events[-1], RunEnded)
    assert (played.events[-1].epoch, played.events[-1].best_epoch) == (4, bests[-1])
    assert [e.epoch for e in played.events if isinstance(e, CheckpointSaved) and e.which == "best"] == bests
    saved = [event.which for event in played.events if isinstance(event, CheckpointSaved)]
    assert saved.count("last") == 4
    assert saved.count("best") == len(bests)
    assert any(isinstance(event, Step) for event in played.events)


def test_early_stop_and_decay_follow_the_policy(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(
        runs, pictures, "train.epochs=30", "schedule.every=2", "schedule.patience=5", "schedule.factor=0.5",
        "schedule.monitor=val_acc", "data.train_size=16", "data.val_size=16",
    )  # fmt: skip
    make_scores(val_acc=[40.0, 60.0, *[50.0] * 28], monkeypatch=monkeypatch)
    played = play(run)
    ended = [event for event in played.events if isinstance(event, EpochEnded)]
    assert (len(ended), ended[-1].best_epoch) == (7, 2)
    assert played.state.ended is not None
    assert played.state.ended.outcome == "early_stopped"
    assert played.state.early_stop.epochs_to_stop == 0
    decays = [event for event in played.events if isinstance(event, LrDecayed)]
    assert [decay.epoch for decay in decays] == [5, 7]
    for decay in decays:
        assert decay.new == decay.old * 0.5
        assert ended[decay.epoch - 1].lr == decay.new
    text = run.train_log.read_text()
    assert "Early Stopping Activated!\n\nBest model weights saved!" in text


def test_one_tree_is_split_and_the_split_recorded(tmp_path: Path, runs: Path) -> None:
    tree = make_pictures(tmp_path / "data", train=10, val=0, test=0) / "train"
    run = make_run(runs, tree, "train.epochs=1", "data.val_fraction=0.2")
    played = play(run)
    assert played.code == 0
    scanned = next(event for event in played.events if isinstance(event, DatasetScanned))
    assert (scanned.train_images, scanned.val_images, scanned.test_images) == (24, 6, 0)
    assert scanned.split == "stratified"
    with run.split.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("blue", "green", "red"):
        assert sum(row["split"] == "val" and row["class"] == name for row in rows) == 2
        assert len({row["image"] for row in rows if row["class"] == name}) == 10
    assert not run.prediction.exists()


def warned_of_data(played: Played) -> list[str]:
    warnings = (event.message for event in played.events if isinstance(event, RunWarning))
    return [message for message in warnings if message.startswith("data.")]


def test_shared_folders_are_told_of(pictures: Path, runs: Path) -> None:
    """A new run is refused; one that began when they were accepted can be resumed, with a warning."""
    run = make_run(runs, pictures, f"data.test={pictures}/train", "train.predict=false")
    played = play(run, lambda watcher: watcher.ask(Stop(after_epoch=True)))
    assert played.code == 0
    (known,) = warned_of_data(played)
    assert known.startswith(f"data.test is the same folder as data.train ({pictures}/train): ")
    shared = run.recipe.read_text().replace(f"{pictures}/val", f"{pictures}/train")
    run.recipe.write_text(shared)
    again = play(run)
    assert again.code == 0
    (same,) = {*warned_of_data(again)} - {known}
    assert same.startswith("data.val is the same folder as data.train")
    new = play(RunDir.create(runs, "new", "m", shared))
    assert new.code == 1
    assert new.state.ended is not None
    assert new.state.ended.reason.startswith("data.val is the same folder as data.train")


def test_every_mode_of_training_runs(pictures: Path, runs: Path) -> None:
    for number, settings in enumerate(
        (
            ("mixup.alpha=0.5", "schedule.kind=plateau", "schedule.monitor=val_loss"),
            ("mixup.alpha=0", "schedule.kind=cosine", "optim.amp=bf16", "data.pad=stretch", "data.workers=0"),
        )
    ):
        played = play(make_run(runs, pictures, "train.epochs=2", *settings, name=f"mode{number}"))
        assert played.code == 0, played.state.ended
        assert len(played.state.epochs) == 2


def test_the_journals_index_grows_with_it(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "_EVERY", 0.001)
    monkeypatch.setattr(journal_index, "_WORTH", 20_000)
    run = make_run(runs, pictures, "train.epochs=1000", "schedule.patience=1000", "train.predict=false")
    index = index_path(run.journal)

    def until_indexed(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epochs and index.exists())
        send(run.commands, Stop())

    assert play(run, until_indexed).code == 0
    assert past_state(JournalReader(run.journal)).ended is not None
    index.unlink()
    played = play(run, until_indexed)
    assert played.state.started is not None
    assert (played.state.started.attempt, played.state.started.resumed_epoch) > (1, 0)
    reader = JournalReader(run.journal)
    first = next(History(reader).read())
    assert reader.offset > 20_000
    assert len(first) < first[-1].seq
    assert past_state(JournalReader(run.journal)) == played.state


def test_a_run_goes_on_where_no_index_can_be_written(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "_EVERY", 0.001)
    monkeypatch.setattr(journal_index, "_WORTH", 20_000)
    run = make_run(runs, pictures, "train.epochs=1000", "schedule.patience=1000", "train.predict=false")
    index_path(run.journal).mkdir()

    def long_enough(watcher: Watcher) -> None:
        watcher.until(lambda _: sum(isinstance(event, SystemSample) for event in watcher.events) > 600)
        send(run.commands, Stop())

    played = play(run, long_enough)
    assert played.code == 0
    assert sum(map(len, compact(run.journal.read_bytes()))) < run.journal.stat().st_size / 2  # it was tried
    assert list(index_path(run.journal).iterdir()) == []
    assert not list(run.path.glob(".events.index*"))
