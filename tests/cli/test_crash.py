"""An engine that crashes: the signal is named."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from engine.core.ended import how_ended
from engine.run.directory import RunDir
from engine.run.lock import Holder
from tests.cli.calling import PROGRAM, call, environment
from tests.made_data import TINY, make_pictures
from tests.waiting import until


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "ended with exit code 1"),
        (-11, "ended by SIGSEGV"),
        (-6, "ended by SIGABRT"),
        (-40, "ended by signal 40"),
    ],
)
def test_how_a_process_ended(code: int, words: str) -> None:
    assert how_ended(code) == words


def test_a_crash_of_the_engine_is_named_by_its_signal(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", train=40, val=2, test=0)
    settings = [word for setting in (*TINY, "train.epochs=500") for word in ("--set", setting)]
    console = subprocess.Popen(
        [PROGRAM, "train", data, "--recipe", "quick", "--name", "mine", "--headless", *settings],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    run = RunDir(tmp_path / "runs/mine")
    until(lambda: run.journal.exists() and b"epoch_ended" in run.journal.read_bytes(), 100)
    with run.lock_file.open("rb") as file:
        holder = Holder.read(file.fileno())
    assert holder is not None
    os.kill(holder.pid, signal.SIGSEGV)
    _, errors = console.communicate(timeout=60)
    assert console.returncode == 1
    assert "run mine ended by SIGSEGV in training, epoch " in errors.splitlines()[-1]
    assert "Fatal Python error: Segmentation fault" in run.engine_log.read_text()
    again = call("resume", "mine", "--detach", cwd=tmp_path)
    assert again.code == 0, again.err
    assert call("send", "mine", "stop", cwd=tmp_path).code == 0
