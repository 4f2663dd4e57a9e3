"""How much memory this process may still take, by the system and by each control group that it is in.

A batch system's job and a container are groups within groups (cgroup v1 and v2), each with a limit of its own; the
process is killed at the smallest.
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
"""Limit, use, and what of that use the system gives up first: its line of ``memory.stat``."""


def free_memory(own: Path = _OWN, root: Path = _CGROUPS) -> int:
    """Return the bytes that are free now, at least 0.

    ``own`` lists this process's groups as ``/proc/self/cgroup`` does, below ``root``.
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
    """Return the folders of the process's memory groups and of all that these are in.

    In a container the groups above its own are not to be seen, and its own may be at the root.
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
    with contextlib.suppress(OSError, ValueError):
        for line in (group / "memory.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
