"""Fixtures of the whole program's tests: a folder to work in, terminals, and nothing left running after."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine.run.directory import RunDir, find_runs
from tests.e2e.terminal import EXECUTED, PATIENCE, Terminal
from tests.made_data import make_pictures


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many that an epoch of the tiny network takes some seconds: there is time to press a key in one."""
    return make_pictures(tmp_path_factory.mktemp("pictures"), train=150)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The folder in which the program is started; its runs' engines are ended with the test."""
    yield tmp_path
    for run, *_ in find_runs(tmp_path / "runs"):
        end_engine(run)


@pytest.fixture
def terminal(home: Path) -> Iterator[Callable[..., Terminal]]:
    """Start ``vrdl-tui`` with the arguments given, as a person does, on a terminal of its own."""
    opened: list[Terminal] = []

    def start(*arguments: str, size: tuple[int, int] = (120, 40), controlling: bool = True) -> Terminal:
        opened.append(Terminal(*arguments, cwd=home, size=size, controlling=controlling, program=EXECUTED))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def end_engine(run: RunDir) -> None:
    """Kill the engine of a run, if it has one, and return once it is gone."""
    deadline = time.monotonic() + PATIENCE
    while run.is_alive():
        assert time.monotonic() < deadline, f"the engine of {run.name} can't be ended"
        with suppress(OSError, ValueError):
            os.kill(json.loads((run.path / "lock").read_bytes())["pid"], signal.SIGKILL)
        time.sleep(0.01)
