"""Write files atomically, and read them only if they are regular files.

A reader sees either the old content or the new, never a mixture. Opening never blocks on a pipe, and nothing is
written through a symbolic link.
"""

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from engine.core.errors import UserError
from engine.core.text import printable

_TEMPORARY = re.compile(r"\..+\.(\d{1,9})\.tmp")


def named(error: OSError, path: Path) -> OSError:
    """Return ``error`` with ``path`` as its file name, instead of the name of a temporary file or none."""
    return OSError(error.errno, error.strerror, str(path))


def fsync_folder(folder: Path) -> None:
    """Sync the entries of ``folder``, so that a rename or a new file survives a power failure."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def mode_in(folder: Path) -> int:
    """Return the mode for a new file in ``folder``: no access that the folder doesn't grant. The umask also applies."""
    return 0o666 & folder.stat().st_mode


def make_private(folder: Path) -> None:
    """Create ``folder`` and its missing parents with mode 0o700. Raises OSError."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def write_synced(path: Path, content: bytes | Iterable[bytes], mode: int | None = None) -> None:
    """Write a new file and sync its content. Without ``mode`` its permissions follow its folder's (``mode_in``).

    A file, link or pipe already at ``path`` is removed, never written through. Raises OSError naming ``path``.
    """
    try:
        try:
            fd = _make(path)
        except FileExistsError:  # left by a killed process
            path.unlink()
            fd = _make(path)
        with os.fdopen(fd, "wb") as file:
            if mode is not None:
                os.fchmod(fd, mode)
            file.writelines((content,) if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise named(error, path) from None


def _make(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode_in(path.parent))


def sync_data(fd: int) -> None:
    """Sync the content of a file, and the metadata needed to read it, to the disk. Raises OSError."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:  # macOS
        os.fsync(fd)


def append_whole(fd: int, content: bytes, *, sync: bool = True) -> None:
    """Append ``content`` to a file opened with O_APPEND, and sync it unless ``sync`` is false.

    Raises OSError after truncating the file to its previous size; if that fails too, a part of ``content`` remains.
    """
    size = os.fstat(fd).st_size
    try:
        if os.write(fd, content) != len(content):  # the disk filled up during the write
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if sync:
            sync_data(fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size)
        raise


def replace_file(path: Path, content: bytes | Iterable[bytes], mode: int | None = None) -> None:
    """Replace the file at ``path`` atomically: write a temporary file beside it, sync, rename, sync the folder.

    Without ``mode`` the permissions follow the folder's (``mode_in``). Raises OSError (disk full, no permission)
    naming ``path``, which is then unchanged; the temporary file is removed.
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
    """Remove temporary files that killed processes left in ``folder``; skip those that can't be removed."""
    for path in folder.iterdir():
        match = _TEMPORARY.fullmatch(path.name)
        if match and not _is_another(int(match[1])):
            with contextlib.suppress(OSError):
                path.unlink()


def _is_another(pid: int) -> bool:
    """Return whether another process on this machine has the id ``pid``."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


_LEASE_TIMEOUT = 10.0
"""Seconds to wait for a file on which another process holds a lease (fcntl(2), F_SETLEASE)."""


class UnfitFileError(OSError):
    """The file is of the wrong kind or too large. As text, only the reason."""

    def __str__(self) -> str:
        return str(self.strerror)


_NOT_THE_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV)


def is_about_content(error: OSError) -> bool:
    """Return whether ``error`` is about what is at the path: nothing, a folder, a pipe or a loop of links.

    Any other error only says that the file can't be read now: no permission, no memory, too many open files, a failing
    disk or file server. Its content may be sound.
    """
    return isinstance(error, UnfitFileError) or error.errno in _NOT_THE_FILE


def open_regular(path: Path, largest: int | None = None, *, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading, in binary mode. Never blocks on a pipe or a device.

    Raises OSError, UnfitFileError for anything but a regular file of at most ``largest`` bytes. With ``follow=False``
    a symbolic link is refused.
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
    """Return the content of a regular file of at most ``largest`` bytes. Raises OSError as ``open_regular``."""
    with open_regular(path, largest, follow=follow) as file:
        return file.read(largest)  # a file may have more than its reported size, as in /proc


def open_own(path: Path, flags: int) -> int:
    """Open a file that a run writes to, created if missing, and return its descriptor.

    Raises UserError as ``check_own``, and OSError.
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
    """Raise UserError if ``path`` is a link, through which a run would write elsewhere, or not a regular file."""
    try:
        mode = path.lstat().st_mode
    except OSError:  # missing, or opening it will report the error
        return
    if stat.S_ISLNK(mode):
        raise _not_own(
            path, "is a link, but a run writes only to its own files; put the file in its place, or remove it"
        )
    if not stat.S_ISREG(mode):
        raise _not_own(path, "is no regular file; remove it, or put the file in its place")


def _open(path: Path, flags: int, mode: int = 0) -> int:
    deadline = time.monotonic() + _LEASE_TIMEOUT
    while True:
        try:
            # O_NONBLOCK, because opening a pipe would otherwise wait for its other end.
            return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, mode)
        except BlockingIOError:
            # A lease, for example of a file server for its client: O_NONBLOCK fails until it is released.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _not_own(path: Path, why: str) -> UserError:
    return UserError(f"{printable(str(path))} {why}")


def is_plain(name: str) -> bool:
    """Return whether ``name`` is a single path component other than ``.`` and ``..``."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def is_plain_path(name: str) -> bool:
    """Return whether ``name`` is a relative path of plain components, which leads to nothing outside its folder."""
    return all(map(is_plain, name.split("/")))
