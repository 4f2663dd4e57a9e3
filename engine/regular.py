"""Regular files, whatever else may lie in their place: a pipe is not waited for, a link not written through."""

import errno
import os
import stat
import time
from pathlib import Path
from typing import BinaryIO

from engine.errors import UserError
from engine.files import mode_in
from engine.text import printable

_LENT = 10.0
"""Seconds to wait for a file that another holds a lease on (fcntl(2), F_SETLEASE)."""


class UnfitFileError(OSError):
    """What can't be the file that was asked for; as text it is the reason alone."""

    def __str__(self) -> str:
        return str(self.strerror)


def open_regular(path: Path, largest: int | None = None, *, follow: bool = True) -> BinaryIO:
    """Open a file for reading. Raises OSError, also for what is no regular file or has more than ``largest`` bytes.

    A pipe or a device is not waited for. Without ``follow`` a link is refused.
    """
    fd = _open(path, os.O_RDONLY | (0 if follow else os.O_NOFOLLOW))
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise UnfitFileError(errno.EINVAL, "it is no regular file", str(path))
        if largest is not None and status.st_size > largest:
            raise UnfitFileError(errno.EFBIG, f"it has more than {largest:,} bytes", str(path))
    except BaseException:
        os.close(fd)
        raise
    return os.fdopen(fd, "rb")


def read_regular(path: Path, largest: int, *, follow: bool = True) -> bytes:
    """Return the content of a file. Raises OSError as ``open_regular``."""
    with open_regular(path, largest, follow=follow) as file:
        return file.read(largest)  # its size may be a lie, as in /proc


def open_own(path: Path, flags: int) -> int:
    """Open a file that a run writes into, made if there is none, and return its descriptor.

    Raises UserError for what is no file of the run's own, as ``check_own``, and OSError.
    """
    try:
        fd = _open(path, flags | os.O_CREAT | os.O_NOFOLLOW, mode_in(path.parent))
    except OSError:
        check_own(path)
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _not_own(path, "is no regular file; remove it, or put the file in its place")
    return fd


def check_own(path: Path) -> None:
    """Raise UserError if ``path`` is a link, through which a run would write elsewhere, a pipe, a folder, a device."""
    try:
        mode = path.lstat().st_mode
    except OSError:  # it isn't there, or whoever opens it is told
        return
    if stat.S_ISLNK(mode):
        raise _not_own(
            path, "is a link, and a run writes into files of its own; put the file in its place, or remove it"
        )
    if not stat.S_ISREG(mode):
        raise _not_own(path, "is no regular file; remove it, or put the file in its place")


def _open(path: Path, flags: int, mode: int = 0) -> int:
    deadline = time.monotonic() + _LENT
    while True:
        try:
            # A pipe without a reader would be waited for; a regular file is opened at once.
            return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, mode)
        except BlockingIOError:
            # But for one that a file server has lent to a client, until that gives it back.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _not_own(path: Path, why: str) -> UserError:
    return UserError(f"{printable(str(path))} {why}")
