"""Memory available to this process: the system's free memory and the limits of its control groups.

Batch jobs and containers run in nested control groups (cgroup v1 and v2), each with a limit; the process is killed
at the smallest.
"""

import contextlib
from pathlib import Path, PurePosixPath

import psutil

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.high", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Files of the limit and the usage, and the key in ``memory.stat`` of the usage that the system can reclaim."""


def free_memory(own: Path = _OWN, root: Path = _CGROUPS) -> int:
    """Return the memory available now, bytes, at least 0.

    ``own`` lists this process's control groups in the format of ``/proc/self/cgroup``; ``root`` is where they are
    mounted.
    """
    free = int(psutil.virtual_memory().available)
    for group in _groups(own, root):
        for limit, used, cache in _FILES:
            with contextlib.suppress(OSError, ValueError):  # no such limit, or "max"
                most = int((group / limit).read_text())
                taken = int((group / used).read_text()) - _reclaimable(group, cache)
                free = min(free, most - taken)
    return max(0, free)


def _groups(own: Path, root: Path) -> list[Path]:
    """Return the folders of the process's memory groups and of all their parents.

    In a container the parents are not visible, and the container's own group may be mounted at the root.
    """
    groups: list[Path] = []
    with contextlib.suppress(OSError):
        for line in own.read_text().splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if controllers and "memory" not in controllers.split(","):
                continue
            hierarchy = [root / "memory"] if controllers else [root, root / "unified"]
            within = PurePosixPath(path.lstrip("/"))
            groups += [top / place for top in hierarchy for place in (within, *within.parents)]
    return groups


def _reclaimable(group: Path, name: str) -> int:
    """Return the bytes under the key ``name`` of a group's ``memory.stat``, 0 if it can't be read."""
    with contextlib.suppress(OSError, ValueError):
        for line in (group / "memory.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
