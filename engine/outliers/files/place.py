"""The quarantine: the folder next to the training folder that a run's outliers are moved to."""

import contextlib
import errno
import os
import re
import shutil
import uuid
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import fsync_folder, replace_file
from engine.core.text import printable
from engine.outliers.files.manifest import Manifest, Owner
from engine.run.directory import RunDir

_MANIFEST = "manifest.jsonl"
_IDENTITY = re.compile(r"[0-9a-f]{32}")


def beside(train: Path) -> Path:
    """Return the folder that holds the quarantines of ``train``: ``photos/train-quarantine`` for ``photos/train``."""
    train = train.resolve()
    return train.parent / f"{train.name}-quarantine"


def find_quarantine(train: Path, run: RunDir) -> Manifest | None:
    """Return the manifest of the run's quarantine, None if it has none.

    Raises OSError if a folder can't be read, UserError if the run's ``quarantine.id`` is damaged.
    """
    identity = _read_identity(run)
    base = beside(train)
    if not identity or not base.is_dir() or base.is_symlink():
        return None
    for folder in sorted(base.iterdir()):
        if folder.name.startswith(".") or folder.is_symlink() or not folder.is_dir():
            continue
        manifest = Manifest(folder / _MANIFEST)
        with contextlib.suppress(OSError):  # an unreadable manifest of another run
            if manifest.owner() == identity:
                return manifest
    return None


def make_quarantine(train: Path, run: RunDir) -> Manifest:
    """Create the run's quarantine, named like the run, with a number appended if that name is taken.

    Folder and manifest are created atomically. Raises OSError, and UserError if the parent folder is a link.
    """
    identity = _read_identity(run)
    if not identity:
        identity = uuid.uuid4().hex
        replace_file(_identity_file(run), identity.encode())
    base = beside(train)
    if base.is_symlink():
        raise UserError(f"{printable(str(base))} is a link, and no file is moved through a link; rename it")
    base.mkdir(exist_ok=True)
    fsync_folder(base.parent)
    temporary = base / f".new-{identity}"
    shutil.rmtree(temporary, ignore_errors=True)  # left by a killed attempt
    try:
        temporary.mkdir()
        owner = Owner(id=identity, path=str(run.path.absolute()), train=str(train.resolve()))
        Manifest(temporary / _MANIFEST).append([owner])
        folder = _rename_free(temporary, base, run.name)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    fsync_folder(base)
    return Manifest(folder / _MANIFEST)


def _identity_file(run: RunDir) -> Path:
    # A run can be renamed, and another created under its old name, so neither path nor inode identifies the owner of
    # a quarantine.
    return run.path / "quarantine.id"


def _read_identity(run: RunDir) -> str:
    file = _identity_file(run)
    try:
        identity = file.read_text("ascii", "replace")
    except FileNotFoundError:
        return ""
    if not _IDENTITY.fullmatch(identity):  # it becomes part of a path
        raise UserError(
            f"{printable(str(file))} is damaged; write into it the id from the first line of the manifest"
        )
    return identity


def _rename_free(temporary: Path, base: Path, name: str) -> Path:
    """Rename the folder to the first free one of name, name-2, name-3 …, and return the new path."""
    number = 1
    while True:
        target = base / (name if number == 1 else f"{name}-{number}")
        number += 1
        if os.path.lexists(target):
            continue
        try:
            return temporary.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # created in the meantime
                raise
