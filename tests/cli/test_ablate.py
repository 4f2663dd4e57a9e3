"""`vrdl-tui ablate` on tiny pictures: the plan, the runs, cut off and gone on with, and what it refuses."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from engine.run.directory import RunDir
from tests.cli.calling import call, refusal, start
from tests.made_data import TINY
from tests.waiting import until

# So long that a run is still at it when it is interrupted.
SETTINGS = tuple(
    word
    for setting in (*TINY, "data.workers=1", "train.epochs=20", "schedule.patience=20")
    for word in ("--set", setting)
)


def ablate(pictures: Path, *more: str) -> tuple[str, ...]:
    return ("ablate", str(pictures), "--only", "mixup", "--seeds", "1", "--name", "abl", *SETTINGS, *more)


def test_both_killed_then_interrupted_then_done(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "abl"
    first, second = RunDir(folder / "baseline-seed0"), RunDir(folder / "mixup-on-seed0")
    with start(*ablate(pictures), cwd=tmp_path) as process:
        until(lambda: first.journal.exists() and b"stage_started" in first.journal.read_bytes())
        process.kill()
    assert first.is_alive()  # the engine outlives whoever asked for it
    os.kill(json.loads((first.path / "lock").read_bytes())["pid"], signal.SIGKILL)
    until(lambda: not first.is_alive())

    with start(*ablate(pictures), cwd=tmp_path) as process:
        until(second.is_alive)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    assert re.search(r"\[1/2\] baseline-seed0: (training|goes on after \d+ epochs?)\n", err), err
    assert err.endswith("interrupted; the same command goes on\n")
    assert not second.is_alive()

    began = first.journal.stat().st_mtime_ns
    answer = call(*ablate(pictures), cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert "[1/2] baseline-seed0: kept, best " in answer.err
    assert re.search(r"\[2/2\] mixup-on-seed0: best \d+\.\d\d % in epoch \d+ of 20, \d:\d\d\n", answer.err)
    assert first.journal.stat().st_mtime_ns == began
    row = re.search(
        r"mixup \(mixup\.alpha=0\.5\) +1 +[\d.]+ % +[\d.]+ % +[+-][\d.]+ +one seed: no confidence", answer.out
    )
    assert row, answer.out
    assert (folder / "mixup.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "runs.csv").read_text().count("\n") == 3
    assert (folder / "effects.csv").read_text().count("\n") == 2
    message = refusal(*ablate(pictures, "--set", "train.epochs=4"), cwd=tmp_path)
    assert message.startswith("ablation abl in runs has another recipe (train.epochs = 20)")


def test_a_run_that_fails_ends_it(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(b"no image")
    answer = call(*ablate(tmp_path / "data"), cwd=tmp_path)
    assert answer.code == 1
    assert re.search(r"\[1/2\] baseline-seed0: failed: .*; the same command goes on\n$", answer.err)
    assert not (tmp_path / "runs/abl/mixup-on-seed0").exists()


def test_a_dry_run_writes_nothing(pictures: Path, tmp_path: Path) -> None:
    answer = call("ablate", pictures, "--seeds", "2", "--dry-run", *SETTINGS, cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("8 runs in runs/ablation, 2 seeds for each arm:\n")
    assert "  mixup-on-seed1: outliers.method=none, augment.enabled=true, mixup.alpha=0.5\n" in answer.out
    assert answer.out.endswith("mixup: mixup-on against baseline\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--only", "mixpu"), "--only: no experiment 'mixpu'; did you mean mixup?"),
        (("--seeds", "0"), "--seeds 0: must be at least 1"),
        (("--set", "optim.lr=-1"), "optim.lr = -1"),
        (("--name", "../x"), "run name '../x'"),
    ],
)
def test_bad_input(pictures: Path, tmp_path: Path, more: tuple[str, ...], words: str) -> None:
    assert words in refusal("ablate", str(pictures), *SETTINGS, *more, cwd=tmp_path)
    assert "no such folder" in refusal("ablate", "absent", cwd=tmp_path)
