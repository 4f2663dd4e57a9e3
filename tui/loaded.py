"""Python's collector of cyclic garbage, kept away from what is loaded for good, and from the moment of a key.

A full collection walks every object there is. Most of the console's are modules, classes and style rules, which stay;
walking them, and the rows that are kept drawn, held keys up by 50 to 200 ms now and then.
"""

import contextlib
import gc
import sys
import time

_QUIET = 5.0
"""Seconds without a key after which nobody is waiting for anything."""
_EVERY = 60.0
_NEVER = 1_000_000_000
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Of glibc's malloc.h."""
_LARGE = 64 << 10
"""Bytes that are worth a call of the system's own."""


class Loaded:
    """Until the first ``keep`` nothing is collected at all: what a start makes, it keeps."""

    def __init__(self) -> None:
        gc.disable()
        self._modules = 0
        self._touched = self._tidied = time.monotonic()

    def keep(self) -> None:
        """Count what there is now as loaded for good, if more modules were imported since the last time.

        So what a screen leaves behind is kept only once, when it was the first of its kind.
        """
        if len(sys.modules) > self._modules:
            self._modules = len(sys.modules)
            gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _NEVER)
        gc.enable()

    def touched(self) -> None:
        """Know of a key or the mouse."""
        self._touched = time.monotonic()

    def tidy(self) -> None:
        """Collect all the garbage there is, once a minute at most, and not while someone has a hand on the keys."""
        now = time.monotonic()
        if now - self._touched >= _QUIET and now - self._tidied >= _EVERY:
            self._tidied = now
            gc.collect()
            _give_back()


def spare_memory() -> None:
    """Have glibc keep one heap for all threads, and give back what is freed of it; before any thread is started.

    Over days a heap for each thread, and the room that glibc keeps in them, grow by some MB for 1,000 epochs.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _LARGE)


def _give_back() -> None:
    """Let the system have what was freed: glibc keeps it, between what is in use."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
