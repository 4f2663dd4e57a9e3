"""Files that are written whole or not at all, and read only where they are regular files.

A reader sees the old content or the new one, never half of one. A pipe in a file's place isn't waited for, and a
symbolic link isn't written through.
"""

import contextlib
import errno
import os
import re
import stat
import time
from pathlib import Path
from typing import BinaryIO

from engine.core.errors import UserError
from engine.core.text import printable

_TEMPORARY = re.compile(r"\..+\.(\d{1,9})\.tmp")


def named(error: OSError, path: Path) -> OSError:
    """Return ``error`` with the name that a person knows, not that of a temporary file or none."""
    return OSError(error.errno, error.strerror, str(path))


def fsync_folder(folder: Path) -> None:
    """Make the names in ``folder`` (a rename, a new file) survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def mode_in(folder: Path) -> int:
    """Return the mode for a new file in ``folder``, which the umask narrows: open to nobody to whom that is closed."""
    return 0o666 & folder.stat().st_mode


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that there aren't, for their owner alone. Raises OSError."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def write_synced(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file that nobody reads yet and sync its content; without a ``mode`` it is as its folder is.

    What has its name makes way: nothing is written through a link, no pipe is waited for. Raises OSError, with the
    name of the file.
    """
    try:
        try:
            fd = _make(path)
        except FileExistsError:  # of a process that was killed
            path.unlink()
            fd = _make(path)
        with os.fdopen(fd, "wb") as file:
            if mode is not None:
                os.fchmod(fd, mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise named(error, path) from None


def _make(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode_in(path.parent))


def sync_data(fd: int) -> None:
    """Return once what was written to a file is on the disk, and what it takes to read it. Raises OSError."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:  # macOS
        os.fsync(fd)


def append_whole(fd: int, content: bytes, *, sync: bool = True) -> None:
    """Add ``content`` to a file that is open for appending, and sync it. Raises OSError; nothing was added then.

    Should the file not even let itself be cut again, half of ``content`` may stay.
    """
    size = os.fstat(fd).st_size
    try:
        if os.write(fd, content) != len(content):  # a disk filling up
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if sync:
            sync_data(fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size)
        raise


def replace_file(path: Path, content: bytes, mode: int | None = None) -> None:
    """Put ``content`` at ``path`` whole: temporary name beside it, sync, rename, sync the folder.

    Without a ``mode`` the file is open to nobody to whom its folder is closed.
    Raises OSError (disk full, no permission) with the name of ``path``, which is as it was; the temporary
    file is gone.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_synced(temporary, content, mode)
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise named(error, path) from None
        raise
    fsync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed in ``replace_file`` left in ``folder``; what can't be removed stays."""
    for path in folder.iterdir():
        match = _TEMPORARY.fullmatch(path.name)
        if match and not _is_another(int(match[1])):
            with contextlib.suppress(OSError):
                path.unlink()


def _is_another(pid: int) -> bool:
    """Say whether another process of this machine has the number ``pid``."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


_LENT = 10.0
"""Seconds to wait for a file that another holds a lease on (fcntl(2), F_SETLEASE)."""


class UnfitFileError(OSError):
    """What can't be the file that was asked for; as text it is the reason alone."""

    def __str__(self) -> str:
        return str(self.strerror)


_NOT_THE_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV)


def is_about_content(error: OSError) -> bool:
    """Say whether ``error`` tells what is in a file's place: nothing, a folder, a pipe, a loop of links.

    Any other tells that it can't be read now, whatever it holds: no rights, no memory, too many open files, a disk or
    a file server that fails.
    """
    return isinstance(error, UnfitFileError) or error.errno in _NOT_THE_FILE


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


def is_plain(name: str) -> bool:
    """Say whether ``name`` names something directly in a folder."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name
