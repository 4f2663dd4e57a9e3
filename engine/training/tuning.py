"""Settings of the process that torch's speed on a processor hangs on; made before torch is imported."""

import contextlib
import ctypes
import os
import time

import psutil

_LOOK, _QUIET = 0.1, 0.4
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MB = 2**20


def tune_process() -> None:
    """Set up threads and memory for training on a processor. The environment's own settings go first.

    Torch's threads meet several hundred times a step. By default they spin meanwhile, for so long that steps
    take five times as long beside another busy program; asleep at once, they wake up late. So they spin
    for some microseconds on a machine that is quiet now, and not at all on a busy one: on two quiet cores steps of
    ``tf_efficientnet_lite0`` take three quarters of the time, and beside a busy program a run that spins twice.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    alone = os.environ.get("OMP_NUM_THREADS") == "1"  # nobody waits for anybody
    if "GOMP_SPINCOUNT" not in os.environ and not alone and _busy_with_others() < _QUIET:
        os.environ["GOMP_SPINCOUNT"] = "10000"
    _keep_freed_memory()


def _busy_with_others() -> float:
    """Return how many cores are busy now, apart from this process and the console that may have started it."""
    before, began = _seconds(), time.monotonic()
    time.sleep(_LOOK)
    return max(0.0, _seconds() - before) / (time.monotonic() - began)


def _seconds() -> float:
    times = psutil.cpu_times()
    busy = times.user + times.nice + times.system
    with contextlib.suppress(psutil.Error):
        starter = psutil.Process(os.getppid()).cpu_times()
        busy -= starter.user + starter.system
    return float(busy)


def _keep_freed_memory() -> None:
    """Have glibc reuse the memory of a step's activations for the next.

    It gives large blocks back to the system at once, whose zeroed pages come back one fault at a time: 46,000
    a step of the same model and a quarter of its time. What a process holds at most stays the same.
    """
    with contextlib.suppress(OSError, AttributeError):  # another libc
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 * _MB)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, 64 * _MB)
