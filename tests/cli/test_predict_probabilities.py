"""Probabilities in a file of their own, and a prediction beside a training that doesn't notice."""

import csv
import shutil
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


def test_images_that_cannot_be_read_and_share_a_name(place: Path, pictures: Path) -> None:
    test = place / "some"
    (test / "more").mkdir(parents=True)
    for name in ("a.png", "more/b.png"):
        shutil.copy(pictures / "test" / "0.png", test / name)
    (test / "a.jpg").write_bytes(b"no image")
    (test / "c.jpg").write_bytes(b"%!PS-Adobe")
    every = ["a.jpg", "a.png", "c", "more/b"]
    names = {"skip": ["a.png", "more/b"], "blank": every, "majority": every}
    for unreadable, expected in names.items():
        out = f"{unreadable}.csv"
        answer = call(
            "predict", "done", "--test", "some", "--out", out, "--unreadable", unreadable,
            "--probabilities", f"p-{out}", cwd=place,
        )  # fmt: skip
        assert answer.code == 0, answer.err
        rows = len(expected)
        assert (
            answer.out
            == f"2 of 4 images predicted, {rows} rows written to {out}, their probabilities to p-{out}\n"
            "not scored; no class of the run: more\n"
        )
        assert (
            "not read: a.jpg (not an image, or an unsupported format); c.jpg (not an image that can"
            in answer.err
        )
        assert (
            "2 images differ from another in their suffix only, so their rows keep it: a.jpg, a.png"
            in answer.err
        )
        with (place / out).open(newline="") as file:
            labels = {row["image_name"]: row["pred_label"] for row in csv.DictReader(file)}
        assert list(labels) == expected
        assert labels.get("c") == {"skip": None, "blank": "", "majority": labels["a.png"]}[unreadable]
        with (place / f"p-{out}").open(newline="") as file:
            shares = {row["image_name"]: row["probability"] for row in csv.DictReader(file)}
        assert [name for name, share in shares.items() if not share] == [
            name for name in expected if name in ("a.jpg", "c")
        ]


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
