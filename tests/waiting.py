"""Waiting for what other processes and threads do."""

import time
from collections.abc import Callable

PATIENCE = 90.0
"""Seconds: a busy machine takes its time."""


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
