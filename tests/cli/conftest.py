"""Fixtures of the command line's tests."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.rundir import RunDir
from tests.made_data import make_pictures


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module", autouse=True)
def _no_engine_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Engines outlive whoever started them, a failed test too."""
    yield
    for lock in tmp_path_factory.getbasetemp().glob("*/runs/*/lock"):
        holder = json.loads(lock.read_bytes() or b"{}").get("pid")
        if holder not in (None, os.getpid()) and RunDir(lock.parent).is_alive():
            os.kill(holder, signal.SIGKILL)
