"""The trash of a runs folder: run folders moved to ``.trash``, kept until somebody empties it."""

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from engine.errors import UserError
from engine.files import fsync_folder
from engine.run_moves import move_run
from engine.rundir import RunDir, is_run
from engine.text import printable

_ENTRY = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)-(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Trashed:
    """A run in the trash: ``name`` is its path below the runs folder, ``when`` sorts by time (UTC)."""

    path: Path
    name: str
    when: str


def trash_folder(runs: Path) -> Path:
    return runs / ".trash"


def move_to_trash(runs: Path, run: RunDir) -> Trashed:
    """Move a run that lies below ``runs`` into the trash. Raises UserError for a living run, OSError."""
    folder = trash_folder(runs)
    folder.mkdir(mode=0o700, exist_ok=True)
    name = run.path.relative_to(runs).as_posix()
    now = time.time()
    when = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
    # One level deep whatever the run's own depth, so that the list is one look at one folder.
    target = folder / f"{when}-{name.replace('%', '%25').replace('/', '%2F')}"
    return Trashed(move_run(run, target).path, name, when)


def list_trash(runs: Path) -> list[Trashed]:
    """Return the runs in the trash, the one that was moved there last first. Raises OSError."""
    found = []
    try:
        for path in trash_folder(runs).iterdir():
            if (match := _ENTRY.fullmatch(path.name)) and is_run(path):
                name = match[2].replace("%2F", "/").replace("%25", "%")
                found.append(Trashed(path, name, match[1]))
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda one: one.when, reverse=True)


def restore(runs: Path, trashed: Trashed) -> RunDir:
    """Bring a run back to where it was. Raises UserError where its name is taken now or it is gone, OSError."""
    target = runs / trashed.name
    if ".." in Path(trashed.name).parts or Path(trashed.name).is_absolute():
        raise UserError(
            f"{printable(str(trashed.path))} names a place outside the runs folder; move it by hand"
        )
    if not is_run(trashed.path):
        raise UserError(f"{printable(trashed.name)} is no longer in the trash")
    target.parent.mkdir(parents=True, exist_ok=True)
    return move_run(RunDir(trashed.path), target)


def empty_trash(runs: Path) -> int:
    """Remove the runs in the trash for good and return how many they were. Raises OSError."""
    trashed = list_trash(runs)
    for one in trashed:
        shutil.rmtree(one.path)
    if trashed:
        fsync_folder(trash_folder(runs))
    return len(trashed)
