"""Fixtures of the command line's tests."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.run.directory import RunDir
from engine.run.lock import Holder
from tests.made_data import make_pictures


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module", autouse=True)
def _no_engine_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Engines outlive whoever started them, a failed test too."""
    yield
    for lock in tmp_path_factory.getbasetemp().glob("*/runs/*/lock"):
        if not lock.is_file() or not RunDir(lock.parent).is_alive():
            continue
        with lock.open("rb") as file:
            holder = Holder.read(file.fileno())
        if holder is not None and holder.host == socket.gethostname() and holder.pid != os.getpid():
            os.kill(holder.pid, signal.SIGKILL)
