"""Finding the runs in a tree of folders."""

import os
from pathlib import Path
from typing import NamedTuple

from engine.rundir import RunDir

_DEPTH = 4


class FoundRun(NamedTuple):
    run: RunDir
    name: str
    """Its path below the folder that was searched."""
    created: float
    """When its recipe was last written, seconds since the epoch."""


def find_runs(runs: Path) -> list[FoundRun]:
    """Return the runs below ``runs``, newest first; an absent folder has none.

    Searched are ``runs`` and three levels of folders below it. Symbolic links aren't followed, hidden folders and
    what is inside a run are passed over, and so is a folder that can't be read.
    """
    found: list[FoundRun] = []
    _search(str(runs), "", _DEPTH, found)
    return sorted(found, key=lambda one: (one.created, one.name), reverse=True)


def _search(folder: str, prefix: str, depth: int, found: list[FoundRun]) -> None:
    try:
        with os.scandir(folder) as entries:
            below = [
                entry
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return
    for entry in below:
        try:
            created = os.stat(f"{entry.path}/recipe.toml").st_mtime  # noqa: PTH116 - 1,000 of them in a few ms
        except OSError:
            if depth > 1:
                _search(entry.path, f"{prefix}{entry.name}/", depth - 1, found)
            continue
        found.append(FoundRun(RunDir(Path(entry.path)), prefix + entry.name, created))
