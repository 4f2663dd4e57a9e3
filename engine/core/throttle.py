"""How often a person is told how far something is."""

import time

_BETWEEN = 0.1
"""Seconds."""


class Throttle:
    """Says yes at most ten times a second."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._last < _BETWEEN:
            return False
        self._last = now
        return True
