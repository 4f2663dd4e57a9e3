"""Limit how often progress is reported to a person."""

import time

_BETWEEN = 0.1
"""Seconds between two reports."""


class Throttle:
    """A callable that returns True at most ten times a second, and False otherwise."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._last < _BETWEEN:
            return False
        self._last = now
        return True
