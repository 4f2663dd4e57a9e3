"""Bounds on what one hostile file may cost."""

import contextlib
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

SECONDS = 2.0
"""Of processor time, for one file of some kilobytes."""
_MEMORY = 1 << 30


class TooSlowError(BaseException):
    """No Exception: a reader that takes anything for damage must not take this for it."""


@contextlib.contextmanager
def bounded_time(seconds: float = SECONDS) -> Iterator[None]:
    """Raise TooSlowError in what takes longer."""

    def too_slow(_number: int, _frame: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, too_slow)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def bounded_memory(size: int = _MEMORY) -> Iterator[None]:
    """Raise MemoryError in what takes ``size`` bytes more than this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
