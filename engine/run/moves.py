"""Rename a run's folder, move it to the trash, restore it. A running run can't be moved.

The trash of a runs folder is its subfolder ``.trash``. Runs stay there until it is emptied.
"""

import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import fsync_folder
from engine.core.text import printable
from engine.run.directory import RunDir, check_name, is_run

# ``RunDir.is_alive`` in another process holds the lock for an instant.
_LOCK_WAIT = 0.2


def move_run(run: RunDir, target: Path) -> RunDir:
    """Rename the run's folder to ``target`` on the same file system, with the run locked.

    Raises UserError if the run is running or ``target`` exists, and OSError.
    """
    name = printable(run.name)
    try:
        lock = run.lock(wait=_LOCK_WAIT, writes=False)
    except UserError as error:
        raise UserError(f"run {name} is running; stop it first") if run.is_alive() else error from None
    try:
        if os.path.lexists(target):
            raise UserError(f"{printable(target.name)} exists already; choose another name")
        run.path.rename(target)
    finally:
        lock.release()
    fsync_folder(target.parent)
    if target.parent != run.path.parent:
        fsync_folder(run.path.parent)
    return RunDir(target)


def rename_run(run: RunDir, name: str) -> RunDir:
    """Rename the run within its folder. Raises UserError and OSError as ``move_run``."""
    return move_run(run, run.path.with_name(check_name(name)))


_ENTRY = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)-(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Trashed:
    """A run in the trash. ``name`` is its former path below the runs folder, ``when`` a sortable UTC time."""

    path: Path
    name: str
    when: str


def trash_folder(runs: Path) -> Path:
    """Return the trash of a runs folder, which may not exist."""
    return runs / ".trash"


def move_to_trash(runs: Path, run: RunDir) -> Trashed:
    """Move a run below ``runs`` to the trash. Raises UserError if it is running, and OSError."""
    folder = trash_folder(runs)
    folder.mkdir(mode=0o700, exist_ok=True)
    name = run.path.relative_to(runs).as_posix()
    now = time.time()
    when = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
    # Flat, whatever the depth of the run, so that listing the trash reads a single folder.
    target = folder / f"{when}-{name.replace('%', '%25').replace('/', '%2F')}"
    return Trashed(move_run(run, target).path, name, when)


def list_trash(runs: Path) -> list[Trashed]:
    """Return the runs in the trash, most recently moved first. Raises OSError."""
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
    """Move a run back to its former path. Raises UserError if that exists or the run is gone, and OSError."""
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
    """Permanently delete the runs in the trash and return their number. Raises OSError."""
    trashed = list_trash(runs)
    for one in trashed:
        shutil.rmtree(one.path)
    if trashed:
        fsync_folder(trash_folder(runs))
    return len(trashed)
