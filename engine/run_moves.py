"""Moving a run's folder: another name, the trash and back. A living run stays where it is."""

import os
from pathlib import Path

from engine.errors import UserError
from engine.files import fsync_folder
from engine.rundir import RunDir, check_name
from engine.text import printable

# Who asks whether a run is alive holds its lock for an instant.
_PATIENCE = 0.2


def move_run(run: RunDir, target: Path) -> RunDir:
    """Rename the run's folder to ``target``, which is on the same file system.

    No engine can begin meanwhile. Raises UserError for a living run or where ``target`` is taken, OSError.
    """
    name = printable(run.name)
    try:
        lock = run.lock(wait=_PATIENCE, writes=False)
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
    """Give the run another name in the folder where it is. Raises UserError and OSError as ``move_run``."""
    return move_run(run, run.path.with_name(check_name(name)))
