"""Process settings that determine torch's speed on a CPU; they must be made before torch is imported."""

import contextlib
import ctypes
import os
import time

import psutil

_SAMPLE_SECONDS = 0.1
_IDLE_CORES = 0.4
"""Cores in use by others, below which the machine counts as idle."""
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MB = 2**20


def tune_process() -> None:
    """Set up OpenMP threads and memory allocation for training on a CPU. Existing environment variables win.

    Torch's threads synchronise several hundred times per step. By default they spin while they wait, which makes steps
    five times slower beside another busy program; threads that sleep at once wake up late. So they spin for some
    microseconds on an idle machine and not at all on a busy one. On two idle cores, spinning cuts the time of a
    ``tf_efficientnet_lite0`` step to three quarters; beside a busy program, it doubles the time.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    alone = os.environ.get("OMP_NUM_THREADS") == "1"  # a single thread never waits
    if "GOMP_SPINCOUNT" not in os.environ and not alone and _busy_with_others() < _IDLE_CORES:
        os.environ["GOMP_SPINCOUNT"] = "10000"
    _keep_freed_memory()


def _busy_with_others() -> float:
    """Return how many cores other programs use now; this process and its parent, the console, are excluded."""
    before, began = _busy_seconds(), time.monotonic()
    time.sleep(_SAMPLE_SECONDS)
    return max(0.0, _busy_seconds() - before) / (time.monotonic() - began)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    busy = times.user + times.nice + times.system
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(os.getppid()).cpu_times()
        busy -= parent.user + parent.system
    return float(busy)


def _keep_freed_memory() -> None:
    """Make glibc keep freed memory, so that each step reuses the memory of the last one's activations.

    By default, glibc returns large blocks to the system at once, and each page costs a fault when it is allocated
    again: 46,000 faults per step of the same model, a quarter of its time. The peak memory of the process is the same.
    """
    with contextlib.suppress(OSError, AttributeError):  # another libc than glibc
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 * _MB)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, 64 * _MB)
