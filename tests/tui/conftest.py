"""Fixtures of the console's tests: a fixed time zone, runs that hold their lock, and consoles on them."""

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import made_runs
import pytest

from engine.journal.events import Event
from engine.run.directory import RunDir
from engine.run.lock import RunLock
from tests import warm
from tui.app import ConsoleApp

NAME = "20261124-040821-tf_efficientnet_lite0"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(autouse=True)
def _helpers_are_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console's helpers import torch for seconds; in the tests on a terminal they are started as they are."""

    def popen(argv: list[str], *, encoding: str, **named: Any) -> warm.Process:
        return warm.start(argv, **named)

    helpers = SimpleNamespace(Popen=popen, DEVNULL=subprocess.DEVNULL, PIPE=subprocess.PIPE)
    monkeypatch.setattr("tui.helper.subprocess", helpers)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., RunDir]]:
    """Make a run below ``tmp_path/runs``; a live one holds its lock, as its engine would."""
    locks: list[RunLock] = []

    def made(events: Iterable[Event], *, alive: bool, name: str = NAME) -> RunDir:
        run = made_runs.make_run(tmp_path / "runs", name, events)
        if alive:
            locks.append(run.lock())
        return run

    yield made
    for lock in locks:
        lock.release()


@pytest.fixture
def console(tmp_path: Path) -> Callable[..., ConsoleApp]:
    """A console on a run, its clock standing shortly after the journal's last event."""

    def made(
        run: RunDir | None, *, ascii: bool = False, clock: Callable[[], float] | None = None
    ) -> ConsoleApp:
        now = made_runs.now_after(run) if run is not None else made_runs.START + 100
        return ConsoleApp(tmp_path / "runs", run, ascii, clock=clock or (lambda: now))

    return made
