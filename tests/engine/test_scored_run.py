"""Runs whose test images have labels: what they write, and what a later prediction adds."""

import csv
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from engine.analysis.predictions import read_judged
from engine.journal.events import PredictionScored, PredictionWritten, RunWarning
from engine.journal.index import past_state
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from engine.run.overview import overview_of, read_ends
from tests import warm
from tests.engine.conducting import Played, play
from tests.made_data import make_pictures, make_run

ACCENTED = "grün"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, one with an accent in its name; of test images two lack a label and one can't be read."""
    root = make_pictures(tmp_path_factory.mktemp("labelled") / "data", train=4, val=2, test=3)
    for split in ("train", "val"):
        (root / split / "green").rename(root / split / unicodedata.normalize("NFC", ACCENTED))
    test = root / "test"
    places = ("red/a.png", f"{unicodedata.normalize('NFD', ACCENTED)}/2023/b.png", "lynx/c.png", "d.png")
    for number, place in enumerate(places):
        (test / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(test / f"{number % 3}.png", test / place)
    for number in range(3):
        (test / f"{number}.png").unlink()
    (test / "red/broken.png").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module")
def scored(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, Played]:
    run = make_run(tmp_path_factory.mktemp("runs"), data, "train.epochs=2")
    return run, play(run)


def test_a_run_scores_its_labelled_test_images(scored: tuple[RunDir, Played], data: Path) -> None:
    run, played = scored
    assert played.code == 0
    (event,) = [event for event in played.events if isinstance(event, PredictionScored)]
    (written,) = [event for event in played.events if isinstance(event, PredictionWritten)]
    assert (event.images, event.unlabelled, event.unread, event.classes) == (2, 2, 1, 3)
    assert event.epoch == written.epoch == played.state.early_stop.best_epoch
    assert played.state.test == event
    rows = read_judged(run.tested)
    assert {row.path: row.label for row in rows} == {
        str(data / "test/red/a.png"): "red",
        str(next((data / "test").glob("*/2023/b.png"))): unicodedata.normalize("NFC", ACCENTED),
    }
    assert event.correct == sum(row.label == row.predicted for row in rows)
    with run.prediction.open(newline="") as file:
        predicted = [row["pred_label"] for row in csv.DictReader(file)]
    assert len(predicted) == 4
    assert event.path == run.test_confusion_picture.name
    with Image.open(run.test_confusion_picture) as picture:
        picture.verify()
    facts = overview_of(run, read_ends(run)[0], "finished")
    assert (facts.test_acc, facts.test_macro_f1, facts.test_images) == (event.acc, event.macro_f1, 2)


def test_labels_of_test_images_change_nothing_else(
    scored: tuple[RunDir, Played], data: Path, tmp_path: Path
) -> None:
    """The same run with all test images in one folder learns, saves and predicts the same."""
    flat = tmp_path / "flat"
    flat.mkdir()
    for image in (data / "test").rglob("*.png"):
        shutil.copy(image, flat / image.name)
    run, played = scored
    other = make_run(tmp_path / "runs", data, "train.epochs=2", f"data.test={flat}")
    found = play(other)
    assert found.code == 0
    assert not other.tested.exists()
    assert not other.test_confusion_picture.exists()
    assert found.state.test is None
    assert other.train_log.read_bytes() == run.train_log.read_bytes()
    assert other.validation.read_bytes() == run.validation.read_bytes()
    assert _labels(other) == _labels(run)
    for state in (found.state, played.state):
        assert [event.new_best for event in state.epochs] == [event.new_best for event in played.state.epochs]


def _labels(run: RunDir) -> list[str]:
    with run.prediction.open(newline="") as file:
        return sorted(row["pred_label"] for row in csv.DictReader(file))


def predict(run: RunDir, out: Path, *arguments: str) -> dict[str, object]:
    """Return the last fact of the real helper."""
    command = [sys.executable, "-P", "-m", "engine.tools.predict", run.path, "--out", out, *arguments]
    done = warm.run(command, text=True, stdin=subprocess.DEVNULL, timeout=200, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    return next(fact for fact in facts if "rows" in fact)


@pytest.fixture
def copied(scored: tuple[RunDir, Played], tmp_path: Path) -> RunDir:
    """The run without its score, as one of an older version."""
    run = RunDir(tmp_path / "copied")
    shutil.copytree(scored[0].path, run.path)
    lines = run.journal.read_bytes().splitlines(keepends=True)
    run.journal.write_bytes(b"".join(line for line in lines if b'"prediction_scored"' not in line))
    for file in (run.tested, run.test_confusion_picture, run.journal.with_name("events.index")):
        file.unlink(missing_ok=True)
    return run


def test_a_later_prediction_is_recorded(copied: RunDir, scored: tuple[RunDir, Played]) -> None:
    run, played = copied, scored[1]
    before = past_state(JournalReader(run.journal))
    assert before.test is None
    told = predict(run, run.prediction)
    after = past_state(JournalReader(run.journal))
    assert after.test is not None
    assert after.test.cells == played.state.test.cells  # type: ignore[union-attr]
    assert (told["score"], told["unrecorded"]) == (f"{after.test.words}; no class of the run: lynx", "")
    assert run.test_confusion_picture.exists()
    assert len(read_judged(run.tested)) == 2
    assert after.updated_at == before.updated_at
    assert after.ended == before.ended


@pytest.mark.parametrize(
    "arguments",
    [
        lambda run, _: (run.prediction, "--tta"),
        lambda run, _: (run.prediction, "--checkpoint", "last"),
        lambda run, data: (run.prediction, "--test", str(data / "test")),
        lambda run, _: (run.path.with_name("other.csv"),),
    ],
    ids=["tta", "last", "another folder", "another file"],
)
def test_any_other_prediction_is_scored_but_not_recorded(
    copied: RunDir, data: Path, arguments: Callable[[RunDir, Path], tuple[Path, str]]
) -> None:
    told = predict(copied, *arguments(copied, data))
    assert str(told["score"]).startswith("test ")
    assert past_state(JournalReader(copied.journal)).test is None
    assert not copied.tested.exists()


def test_a_living_runs_journal_is_left_to_its_engine(copied: RunDir) -> None:
    lock = copied.lock()
    try:
        told = predict(copied, copied.prediction)
    finally:
        lock.release()
    assert str(told["score"]).startswith("test ")
    assert "is already running" in str(told["unrecorded"])
    assert past_state(JournalReader(copied.journal)).test is None


def test_a_picture_that_cannot_be_written_is_a_warning(data: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path, data, "train.epochs=1")
    run.test_confusion_picture.mkdir()
    played = play(run)
    assert played.code == 0
    assert played.state.test is not None
    assert played.state.test.path == ""
    warnings = [event.message for event in played.events if isinstance(event, RunWarning)]
    assert any(run.test_confusion_picture.name in message for message in warnings)
