"""Where a run's outliers are moved to: a folder of its own, beside the training folder."""

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
    """Return the folder of all quarantines of ``train``: ``photos/train-quarantine`` for ``photos/train``."""
    train = train.resolve()
    return train.parent / f"{train.name}-quarantine"


def find_quarantine(train: Path, run: RunDir) -> Manifest | None:
    """Return the manifest of the run's quarantine, None where it has none. Raises OSError, UserError."""
    identity = _read_identity(run)
    base = beside(train)
    if not identity or not base.is_dir() or base.is_symlink():
        return None
    for folder in sorted(base.iterdir()):
        if folder.name.startswith(".") or folder.is_symlink() or not folder.is_dir():
            continue
        manifest = Manifest(folder / _MANIFEST)
        with contextlib.suppress(OSError):  # of another run, that can't be read
            if manifest.owner() == identity:
                return manifest
    return None


def make_quarantine(train: Path, run: RunDir) -> Manifest:
    """Make the run's quarantine, named like the run or, where another has that name, with a number.

    It comes into being with its manifest, whole or not at all. Raises OSError, and UserError when its place is a link.
    """
    identity = _read_identity(run)
    if not identity:
        identity = uuid.uuid4().hex
        replace_file(_identity_file(run), identity.encode())
    base = beside(train)
    if base.is_symlink():
        raise UserError(f"{printable(str(base))} is a link; nothing is moved there: rename it")
    base.mkdir(exist_ok=True)
    fsync_folder(base.parent)
    temporary = base / f".new-{identity}"
    shutil.rmtree(temporary, ignore_errors=True)  # of an attempt that was killed
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
    # A run can be renamed, and another made under its old name: neither its path nor its inode says whose
    # a quarantine is.
    return run.path / "quarantine.id"


def _read_identity(run: RunDir) -> str:
    file = _identity_file(run)
    try:
        identity = file.read_text("ascii", "replace")
    except FileNotFoundError:
        return ""
    if not _IDENTITY.fullmatch(identity):  # it becomes a part of a path
        raise UserError(
            f"{printable(str(file))} is damaged; write into it the id of the first line of the manifest"
        )
    return identity


def _rename_free(temporary: Path, base: Path, name: str) -> Path:
    """Move the folder to the first free of name, name-2, name-3 …"""
    number = 1
    while True:
        target = base / (name if number == 1 else f"{name}-{number}")
        number += 1
        if os.path.lexists(target):
            continue
        try:
            return temporary.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # someone was quicker
                raise
