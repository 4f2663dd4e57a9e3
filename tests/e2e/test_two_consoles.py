"""Two consoles and a third process on one run, all steering: everyone sees what anyone asked for, and who it was."""

import getpass
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.control.commands import Set
from engine.journal.events import CommandAccepted, CommandRejected
from engine.run.directory import RunDir
from tests.e2e.terminal import Terminal
from tests.engine.conducting import Watcher
from tests.made_data import TINY

pytestmark = pytest.mark.timeout(180)

WHO = f"{getpass.getuser()}@{socket.gethostname()}"
SETTINGS = (*TINY, "data.workers=1", "data.batch_size=4", "train.epochs=60", "schedule.patience=60")
SIZE = (200, 60)


def test_both_show_both_s_commands(home: Path, pictures: Path, terminal: Callable[..., Terminal]) -> None:
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    first = terminal("train", str(pictures), "--recipe", "quick", "--name", "tiny", *settings, size=SIZE)
    first.until(lambda screen: "TRAINING" in screen, "training")
    second = terminal("attach", "tiny", size=SIZE)
    second.until(lambda screen: "TRAINING" in screen, "the same run")
    watcher = Watcher(RunDir(home / "runs" / "tiny"))
    for console in (first, second):
        console.press("l")
        console.shows("log", "run started")

    first.press("p")
    watcher.until(lambda state: state.paused)
    second.press("=")
    second.shows("esc leaves all as it is")
    second.press("\r")
    second.shows("optim.lr = ")
    second.press("\x7f" * 8 + "0.002\r")
    watcher.until(lambda state: state.settings)
    second.press("p")
    watcher.until(lambda state: state.paused is None)
    assert isinstance(watcher.ask(Set(key="train.epochs", value="0")), CommandRejected)

    for console in (first, second):
        console.shows(
            f"pause by {WHO}, process {first.pid} accepted",
            f"set by {WHO}, process {second.pid} accepted: optim.lr = 0.002",
            f"resume by {WHO}, process {second.pid} accepted",
            "optim.lr changed from 0.003 to 0.002",
            f"set by {WHO}, process {os.getpid()} refused: train.epochs",
        )
        console.press("l")
        console.shows("s setting")

    watcher.look()
    answers = [event for event in watcher.events if isinstance(event, CommandAccepted | CommandRejected)]
    assert [(one.name, one.by, one.pid) for one in answers[:3]] == [
        ("pause", WHO, first.pid), ("set", WHO, second.pid), ("resume", WHO, second.pid),
    ]  # fmt: skip
    assert all(0 <= one.t - one.sent < 30 for one in answers), "when it was sent, and when it was answered"
    (setting,) = watcher.state.settings
    assert (setting.by, setting.pid) == (WHO, second.pid)
