"""The CPU cores available to this process."""

import os


def available_cores() -> int:
    """Return the number of CPU cores in this process's affinity mask, or of all cores where there is no such mask."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS
