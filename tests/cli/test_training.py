"""Whole runs by the command line, on tiny pictures: headless, interrupted, resumed, steered, predicted."""

import csv
import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from engine.run.directory import RunDir
from tests.cli.calling import Answer, call, refusal, start
from tests.made_data import COLOURS, TINY
from tests.waiting import until

SETTINGS = tuple(word for setting in TINY for word in ("--set", setting))
# Longer than any test waits: such a run ends because somebody says so.
ENDLESS = ("--set", "train.epochs=99999", "--set", "schedule.patience=99999")


def train(pictures: Path, name: str, *more: str) -> tuple[str, ...]:
    return ("train", str(pictures), "--name", name, *SETTINGS, *more)


def listed(cwd: Path, name: str) -> dict[str, Any]:
    answer = call("runs", "--json", cwd=cwd)
    (run,) = (run for run in json.loads(answer.out) if run["name"] == name)
    return dict(run)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def finished(place: Path, pictures: Path) -> Answer:
    """A run named "done", trained to its end."""
    return call(*train(pictures, "done", "--headless"), cwd=place)


def test_headless_prints_the_training_log_and_nothing_else(finished: Answer, place: Path) -> None:
    assert finished.code == 0, finished.err
    assert finished.out == (place / "runs/done/train.log").read_text()
    lines = finished.out.splitlines()
    assert re.fullmatch(r"Epoch 1/3 \| LR: 0\.003000000", lines[0])
    epoch = r"Epoch 1/3 \| Train Acc: \d+\.\d\d% \| Val Acc: \d+\.\d\d% \| Val Loss: \d+\.\d{5}"
    assert re.fullmatch(epoch, lines[1])
    assert lines[-1] == "Confusion Matrix saved at: confusion_matrix.png"


def test_headless_tells_the_rest_on_stderr(finished: Answer) -> None:
    assert finished.err.startswith(
        "found     train 27 images in 3 classes · val 12 · test 5\nrecipe quick, chosen"
    )
    assert "importing" in finished.err
    assert "run done finished, best" in finished.err
    assert "\x1b" not in finished.err


@pytest.mark.usefixtures("finished")
def test_runs_lists_it(place: Path, pictures: Path) -> None:
    run = listed(place, "done")
    assert run.pop("path") == str(place / "runs/done")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", run.pop("started"))
    assert run.pop("updated") > "2026"
    assert 0 <= run.pop("best") <= 100
    assert run.pop("best_epoch") in (1, 2, 3)
    assert run.pop("duration") > 0
    assert run.pop("host")
    assert run == {
        "name": "done", "state": "finished", "reason": None, "model": "test_efficientnet",
        "data": str(pictures / "train"), "epoch": 3, "epochs": 3, "monitor": "val_acc", "lr": 0.003, "tags": [],
        "note": None, "test_acc": None, "test_macro_f1": None, "test_images": None,
    }  # fmt: skip
    table = call("runs", cwd=place).out.splitlines()
    assert table[0].split() == ["run", "state", "epoch", "best", "model", "last", "word"]
    assert table[1].startswith("done  finished  3/3")


@pytest.mark.usefixtures("finished")
def test_a_finished_run_is_not_resumed(place: Path) -> None:
    message = refusal("resume", "done", cwd=place)
    assert message.startswith("nothing to resume: run done finished, best")


@pytest.mark.usefixtures("finished")
def test_predict(place: Path, pictures: Path) -> None:
    own = (place / "runs/done/prediction.csv").read_text()
    answer = call("predict", "done", "--out", "mine.csv", cwd=place)
    assert (answer.code, answer.out, answer.err) == (0, "5 labels written to mine.csv\n", "")
    assert (place / "mine.csv").read_text() == own
    test = ("--test", str(pictures / "train/red"))
    several = call("predict", "done", "runs/done", *test, "--tta", "--checkpoint", "last", cwd=place)
    assert several.code == 0, several.err
    with (place / "prediction.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image_name"] for row in rows] == [f"red{number}" for number in range(9)]
    assert {row["pred_label"] for row in rows} <= set(COLOURS)
    assert "prediction.csv exists already" in refusal("predict", "done", "done", cwd=place)


def test_interrupted_and_resumed_it_prints_the_whole_log_once(place: Path, pictures: Path) -> None:
    log = place / "runs/broken/train.log"
    with start(*train(pictures, "broken", "--headless", *ENDLESS), cwd=place) as process:
        until(lambda: log.exists() and "Epoch 3/" in log.read_text())
        process.send_signal(signal.SIGINT)
        first, notes = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with: vrdl-tui resume broken" in notes
    assert listed(place, "broken")["state"] == "interrupted"
    before = listed(place, "broken")["epoch"]

    with start("resume", "broken", "--headless", cwd=place) as process:
        until(lambda: listed(place, "broken")["epoch"] > before)
        assert call("send", "broken", "pause", cwd=place).code == 0
        last = listed(place, "broken")["epoch"] + 2
        assert call("send", "broken", "set", f"train.epochs={last}", cwd=place).code == 0
        assert call("send", "broken", "resume", cwd=place).code == 0
        second, notes = process.communicate(timeout=90)
    assert process.returncode == 0
    assert "run broken finished" in notes
    assert first + second == log.read_text()
    assert listed(place, "broken")["epoch"] == last


def test_a_second_interrupt_leaves_at_once(place: Path, pictures: Path) -> None:
    with start(*train(pictures, "hasty", "--headless", *ENDLESS), cwd=place) as process:
        until(lambda: (place / "runs/hasty/events.jsonl").exists())
        process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, notes = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "go on with: vrdl-tui resume hasty" in notes
    until(lambda: listed(place, "hasty")["state"] == "interrupted")


def test_interrupted_before_the_engine_knows_how_to_end(place: Path, pictures: Path) -> None:
    run = RunDir(place / "runs/early")
    with start(*train(pictures, "early", "--headless", *ENDLESS), cwd=place) as process:
        until(run.is_alive)
        process.send_signal(signal.SIGINT)
        _, notes = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "go on with: vrdl-tui resume early" in notes
    assert listed(place, "early")["state"] == "interrupted"


def test_a_run_outlives_its_terminal_and_takes_commands(place: Path, pictures: Path) -> None:
    def send(*words: str) -> Answer:
        return call("send", "steered", *words, cwd=place)

    with start(*train(pictures, "steered", "--headless", *ENDLESS), cwd=place) as process:
        until(lambda: (place / "runs/steered").is_dir() and listed(place, "steered")["epoch"] > 1)
        process.kill()
    assert send("pause").out.startswith("pause: accepted")
    assert listed(place, "steered")["state"] == "paused"
    refused = send("pause")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("vrdl-tui: pause: refused, ")
    assert send("checkpoint").code == 0
    assert send("predict").code == 0
    until(lambda: (place / "runs/steered/prediction.csv").exists())
    assert send("set", "optim.lr=0.002").code == 0
    assert listed(place, "steered")["lr"] == 0.002
    again = call("resume", "steered", cwd=place)
    assert again.code == 2
    assert "run steered is already running (process " in again.err
    assert send("resume").code == 0
    until(lambda: listed(place, "steered")["state"] == "running")
    assert send("stop", "--after-epoch").code == 0
    until(lambda: listed(place, "steered")["state"] == "stopped")


def test_a_run_that_fails_says_why(place: Path, tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(b"no image")
    answer = call(*train(tmp_path / "data", "failing", "--headless"), cwd=place)
    assert answer.code == 1
    assert "run failing failed: " in answer.err.splitlines()[-1]
    assert "Traceback" not in answer.err
    assert listed(place, "failing")["state"] == "failed"


def test_detached(place: Path, pictures: Path) -> None:
    answer = call(*train(pictures, "apart", "--detach", *ENDLESS), cwd=place)
    assert answer.code == 0
    started = re.fullmatch(
        r"run apart is started \(process (\d+)\); watch it: vrdl-tui attach apart\n", answer.out
    )
    assert started
    assert listed(place, "apart")["state"] in ("starting", "running")
    subprocess.run(["kill", started[1]], check=True)
    until(lambda: listed(place, "apart")["state"] == "interrupted")
