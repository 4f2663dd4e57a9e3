"""Probabilities in a file of their own, and a prediction beside a training that doesn't notice."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm
from tests.cli.calling import call, environment, refusal, start
from tests.cli.test_training import train, until
from tests.made_data import COLOURS

EPOCHS = ("--set", "train.epochs=8", "--set", "schedule.patience=99")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A folder with a run named "done"."""
    place = tmp_path_factory.mktemp("place")
    answer = call(*train(pictures, "done", "--headless", *EPOCHS), cwd=place)
    assert answer.code == 0, answer.err
    return place


def test_probabilities(place: Path) -> None:
    own = (place / "runs/done/prediction.csv").read_text()
    answer = call("predict", "done", "--out", "l.csv", "--probabilities", "p.csv", cwd=place)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "5 labels written to l.csv, their probabilities to p.csv\n"
    assert (place / "l.csv").read_text() == own
    with (place / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image_name", "pred_label", "probability", *COLOURS]
    assert [f"{row['image_name']},{row['pred_label']}" for row in rows] == own.splitlines()[1:]
    for row in rows:
        shares = {name: float(row[name]) for name in COLOURS}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert float(row["probability"]) == shares[row["pred_label"]] == max(shares.values())
    # The mean of a run with itself is the run's own.
    assert (
        call("predict", "done", "done", "--out", "l2.csv", "--probabilities", "p2.csv", cwd=place).code == 0
    )
    assert (place / "p2.csv").read_text() == (place / "p.csv").read_text()


def test_refusals(place: Path) -> None:
    (place / "taken.csv").touch()
    taken = refusal("predict", "done", "--probabilities", "taken.csv", cwd=place)
    assert taken == "taken.csv exists already; name another file with --probabilities"
    same = refusal("predict", "done", "--out", "x.csv", "--probabilities", "x.csv", cwd=place)
    assert same == "--out and --probabilities name the same file; give them two"
    assert refusal("predict", "done", "--probabilities", "no/p.csv", cwd=place) == "no such folder: no"


def test_a_prediction_beside_a_training_changes_nothing_in_it(place: Path, pictures: Path) -> None:
    run = place / "runs/beside"
    with start(*train(pictures, "beside", "--headless", *EPOCHS), cwd=place) as process:
        until(lambda: (run / "checkpoints/best/model.safetensors").exists())
        assert call("send", "beside", "pause", cwd=place).code == 0
        command = [
            sys.executable,
            "-P",
            "-m",
            "engine.tools.predict",
            run,
            "--out",
            place / "b.csv",
            "--beside",
        ]
        with warm.start(command, stdout=subprocess.PIPE, text=True, env=environment()) as helper:
            assert helper.stdout is not None
            assert helper.stdout.readline() == '{"done": 0, "total": 5}\n'
            assert call("send", "beside", "resume", cwd=place).code == 0
            told = helper.stdout.read()
        process.communicate(timeout=120)
    assert (helper.returncode, process.returncode) == (0, 0), told
    assert (place / "b.csv").exists()
    assert (run / "train.log").read_text() == (place / "runs/done/train.log").read_text()
