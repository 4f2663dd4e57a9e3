"""The outlier stage in a real run: what it leaves out, tells, keeps, and does again after a stop."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.control.commands import Exclude, Pause, Restore, Resume, Stop
from engine.journal.events import (
    AutoencoderEpoch,
    CommandAccepted,
    CommandRejected,
    DatasetScanned,
    EpochStarted,
    OutlierExcluded,
    OutlierRestored,
    OutliersDone,
    ThresholdSet,
)
from engine.journal.log import JournalWriter
from engine.outliers.files.restoring import restore_offline
from tests.engine.conducting import Watcher, play
from tests.made_data import make_pictures, make_run

AUTOENCODER = ("outliers.method=autoencoder", "outliers.epochs=3", "outliers.size=32")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three classes of noise, and in each a picture that is none."""
    root = make_pictures(tmp_path / "data", train=12, test=0)
    for name in ("blue", "green", "red"):
        Image.fromarray(np.kron(np.eye(2, dtype=np.uint8) * 255, np.ones((20, 20), np.uint8))).save(
            root / "train" / name / "odd.png"
        )
    return root


def of(kind: type, events: list) -> list:  # type: ignore[type-arg]
    return [event for event in events if isinstance(event, kind)]


def test_each_class_is_judged_and_its_outliers_stay_out(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path, data, *AUTOENCODER)
    played = play(run)
    assert played.code == 0
    judged = of(ThresholdSet, played.events)
    assert [event.class_name for event in judged] == ["blue", "green", "red"]
    assert [(e.class_name, e.epoch) for e in of(AutoencoderEpoch, played.events)] == [
        (name, epoch) for name in ("blue", "green", "red") for epoch in (1, 2, 3)
    ]
    for event in judged:
        assert event.images == len(event.files) == len(event.errors) == 13
        assert event.first_threshold == pytest.approx(np.percentile(event.errors, 95))
        assert event.largest_val_error is not None
        assert event.relaxed == (event.largest_val_error > event.first_threshold)
        expected = 1.1 * event.largest_val_error if event.relaxed else event.first_threshold
        assert event.threshold == pytest.approx(expected)
        assert event.flagged == [i for i, error in enumerate(event.errors) if error > event.threshold]
    left_out = of(OutlierExcluded, played.events)
    assert {Path(event.path).name for event in left_out} >= {"odd.png"}
    assert all(event.action == "exclude" and Path(event.path).exists() for event in left_out)
    assert of(OutliersDone, played.events)[0].excluded == len(left_out)
    assert of(EpochStarted, played.events)[0].steps == -(-(39 - len(left_out)) // 8)
    rows = list(csv.DictReader(run.outliers.open()))
    assert [row["path"] for row in rows] == [event.path for event in left_out]
    assert all(len(row["sha256"]) == 64 and row["action"] == "exclude" for row in rows)
    with Image.open(run.outliers_picture) as sheet:
        assert sheet.width > 128


def test_the_same_images_whatever_the_workers(tmp_path: Path, data: Path) -> None:
    told = []
    for workers in (0, 3):
        run = make_run(
            tmp_path, data, *AUTOENCODER, f"data.workers={workers}", "train.epochs=1", name=f"w{workers}"
        )
        told.append([(e.class_name, e.errors) for e in of(ThresholdSet, play(run).events)])
    assert told[0] == told[1]


def test_a_stop_in_the_stage_goes_on_with_the_classes_left(tmp_path: Path, data: Path) -> None:
    whole = play(make_run(tmp_path, data, *AUTOENCODER, name="whole"))
    run = make_run(tmp_path, data, *AUTOENCODER, name="cut")

    def stop_after_one_class(watcher: Watcher) -> None:
        watcher.until(lambda state: state.outliers.thresholds)
        assert isinstance(watcher.ask(Pause()), CommandAccepted)
        watcher.until(lambda state: state.paused)
        assert isinstance(watcher.ask(Exclude(paths=["blue/blue1.png"])), CommandRejected)
        assert isinstance(watcher.ask(Resume()), CommandAccepted)
        assert isinstance(watcher.ask(Stop()), CommandAccepted)

    first = play(run, stop_after_one_class)
    done = {event.class_name for event in of(ThresholdSet, first.events)}
    assert first.state.ended is not None
    assert first.state.ended.outcome == "stopped"
    assert first.state.ended.reason.endswith("what was found so far is in the journal")
    second = play(run)
    events = second.events
    assert len(of(ThresholdSet, events)) == 3, "no class is judged twice"
    assert 0 < len(done) < 3
    assert {e.path for e in of(OutlierExcluded, events)} == {
        e.path for e in of(OutlierExcluded, whole.events)
    }
    assert second.state.epochs[-1].val_loss == whole.state.epochs[-1].val_loss


def test_commands_of_a_living_run_take_effect_at_the_next_epoch(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path, data, *AUTOENCODER, "train.epochs=4", "schedule.patience=9")

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch)
        watcher.ask(Pause())
        assert watcher.state.epoch is not None
        epoch = watcher.state.epoch.epoch
        first = next(iter(watcher.state.outliers.excluded.values()))
        answer = watcher.ask(Restore(paths=[first.path]))
        assert isinstance(answer, CommandAccepted)
        assert answer.detail == f"1 image restored, in use from epoch {epoch + 1} on"
        refused = watcher.ask(Restore(paths=[first.path]))
        assert isinstance(refused, CommandRejected)
        assert "is not excluded" in refused.reason
        assert isinstance(watcher.ask(Exclude(paths=["blue/blue1.png", "blue/blue2.png"])), CommandAccepted)
        assert isinstance(watcher.ask(Exclude(paths=["../x.png"])), CommandRejected)
        everything = [f"red/red{number}.png" for number in range(12)]
        refused = watcher.ask(Exclude(paths=[*everything, "red/odd.png"]))
        assert isinstance(refused, CommandRejected)
        watcher.ask(Resume())

    played = play(run, script)
    assert played.code == 0
    restored, by_hand = of(OutlierRestored, played.events), of(OutlierExcluded, played.events)[-2:]
    assert restored[0].by
    assert {event.from_epoch for event in (*restored, *by_hand)} == {restored[0].from_epoch}
    assert [Path(event.path).name for event in by_hand] == ["blue1.png", "blue2.png"]
    assert by_hand[0].error > 0
    rows = {row["path"]: row["action"] for row in csv.DictReader(run.outliers.open())}
    assert rows[restored[0].path] == "restored"


def test_a_restore_between_two_attempts(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path, data, *AUTOENCODER, "train.epochs=4", "schedule.patience=9")
    first = play(run, lambda watcher: _stop_in_epoch(watcher, 2))
    left_out = len(first.state.outliers.excluded)
    said = restore_offline(run, Restore(class_name="blue"))
    assert said.startswith("1 image restored") or "images restored" in said
    second = play(run)
    assert second.code == 0
    assert len(second.state.outliers.excluded) < left_out
    assert all(event.class_name != "blue" for event in second.state.outliers.excluded.values())


def test_a_resume_has_each_image_back_when_the_unbroken_run_had_it(tmp_path: Path, data: Path) -> None:
    def restore_in_the_first_epoch(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch)
        watcher.ask(Pause())
        assert watcher.state.epoch is not None
        assert watcher.state.epoch.epoch == 1
        watcher.ask(Restore())

    def unbroken(watcher: Watcher) -> None:
        restore_in_the_first_epoch(watcher)
        watcher.ask(Resume())

    def broken(watcher: Watcher) -> None:
        restore_in_the_first_epoch(watcher)
        watcher.ask(Stop())

    settings = (*AUTOENCODER, "train.epochs=3", "data.batch_size=2")
    whole, cut = (make_run(tmp_path, data, *settings, name=name) for name in ("whole", "cut"))
    expected = play(whole, unbroken)
    play(cut, broken)
    resumed = play(cut)
    assert [e.steps for e in of(EpochStarted, expected.events)][:2] == [18, 19]
    assert [e.val_loss for e in resumed.state.epochs] == [e.val_loss for e in expected.state.epochs]


def _stop_in_epoch(watcher: Watcher, epoch: int) -> None:
    watcher.until(lambda state: state.epoch and state.epoch.epoch == epoch)
    watcher.ask(Stop())


def test_a_file_that_goes_while_the_folder_is_read(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, data, *AUTOENCODER, "outliers.action=quarantine", "train.epochs=1")
    append_all = JournalWriter.append_all

    def append_and_unlink(self: JournalWriter, *events: Any) -> Any:
        if any(isinstance(event, DatasetScanned) for event in events):
            (data / "train" / "red" / "red3.png").unlink()
        return append_all(self, *events)

    monkeypatch.setattr(JournalWriter, "append_all", append_and_unlink)
    played = play(run)
    assert played.code == 0
    assert [Path(path).name for path in played.state.bad_images] == ["red3.png"]
    assert "red3.png" not in played.state.outliers.thresholds["red"].files


def test_a_class_of_few_images_is_passed_over(tmp_path: Path) -> None:
    root = make_pictures(tmp_path / "data", train=4, test=0)
    played = play(make_run(tmp_path, root, *AUTOENCODER, "train.epochs=1"))
    assert played.code == 0
    assert all(
        event.note == "fewer than 5 images, so none is an outlier"
        for event in of(ThresholdSet, played.events)
    )
    assert not played.state.outliers.excluded
