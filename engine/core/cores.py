"""The processor cores that this process may use."""

import os


def available_cores() -> int:
    """Return their number: those that a batch system or a container left it, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS
