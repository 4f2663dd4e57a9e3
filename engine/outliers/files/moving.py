"""Moving a file between two open folders without overwriting files, following links, or losing data at a kill.

A move has two steps, so that a batch of files can be synced between them:

1. ``give_name`` links the file in the target folder.
2. ``take_name`` removes its name from the source folder.

Both can be repeated from any state in which a kill can leave the folders.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from engine.core.files import is_plain, is_plain_path
from engine.outliers.files.manifest import Content

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# File systems without hard links, kernels that forbid links to other users' files, files with too many links.
_NO_LINK = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)

CHANGED = "it changed meanwhile"
"""Reason: the file's bytes differ from those recorded."""
GONE = "it is gone"
"""Reason: the file doesn't exist."""
TAKEN = "another file has its name there"
"""Reason: the target folder has another file of that name."""


class RefusedError(Exception):
    """A file must not be touched; the message gives the reason for the user."""


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """Open a folder given by the user or this program, following links. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def open_class(parent: int, name: str, *, make: bool = False) -> Iterator[int]:
    """Open the class folder ``name``, or a folder in it, in the open folder ``parent``; with ``make``, create it.

    ``name`` is relative, "/"-separated. Raises RefusedError if a folder on the way is a link or not a folder, doesn't
    exist or can't be opened.
    """
    if not is_plain_path(name):
        raise RefusedError("its class is not a plain folder name")
    with contextlib.ExitStack() as opened:
        fd = parent
        for part in name.split("/"):
            try:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=fd)
                        os.fsync(fd)
                fd = os.open(part, _FOLDER, dir_fd=fd)
            except OSError as error:
                no_folder = error.errno in (errno.ENOTDIR, errno.ELOOP)
                why = "is a link or not a folder" if no_folder else f"can't be opened: {error.strerror}"
                raise RefusedError(f"its class folder {why}") from None
            opened.callback(os.close, fd)
        yield fd


def status(folder: int, file: str) -> os.stat_result | None:
    """Return the status of ``file`` in an open folder without following links, None if it doesn't exist."""
    try:
        return os.stat(file, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def read_content(folder: int, file: str) -> Content:
    """Read and hash ``file``. Raises RefusedError unless it is a regular file that doesn't change while it is read."""
    if not is_plain(file):
        raise RefusedError("it is not a plain file name")
    try:
        # O_NONBLOCK: opening a pipe of that name must not block.
        fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode):
                raise RefusedError("it is not a regular file")
            with os.fdopen(fd, "rb", buffering=0, closefd=False) as opened:
                sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
            after = os.fstat(fd)
        finally:
            os.close(fd)
    except FileNotFoundError:
        raise RefusedError(GONE) from None
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else f"it can't be read: {error.strerror}"
        raise RefusedError(why) from None
    content = Content(sha256, after.st_size, after.st_mtime_ns, after.st_ino)
    if not _same_stamp(before, content):
        raise RefusedError(CHANGED)
    return content


def must_move(file: str, content: Content, source: int, target: int) -> bool:
    """Return whether ``file`` is in ``source`` only and has yet to be linked in ``target``.

    Raises RefusedError if it is in neither folder, if ``target`` has another file of that name, or if its content is
    no longer ``content``.
    """
    here, there = status(source, file), status(target, file)
    if here is None and there is None:
        raise RefusedError(GONE)
    if here is not None and there is not None and not os.path.samestat(here, there):
        raise RefusedError(TAKEN)
    _check(source if here is not None else target, file, content)
    return there is None


def give_name(file: str, content: Content, source: int, target: int) -> None:
    """Link ``file`` in ``target``, or rename it into ``target`` where hard links are unavailable.

    Does nothing if ``target`` has the file already. Raises RefusedError as ``must_move`` does, and if the file system
    refuses.
    """
    if not must_move(file, content, source, target):
        return
    try:
        _link(file, source, target)
    except FileExistsError:
        raise RefusedError(TAKEN) from None
    except OSError as error:
        raise RefusedError(f"it can't be moved: {error.strerror}") from None
    try:
        _check(target, file, content)  # the file may have been replaced just before it was linked
    except RefusedError:
        take_name(file, target, source)
        raise


def take_name(file: str, source: int, target: int) -> None:
    """Remove ``file`` from ``source`` if ``target`` has the same file (same inode). Raises OSError."""
    here, there = status(source, file), status(target, file)
    if here is not None and there is not None and os.path.samestat(here, there):
        os.unlink(file, dir_fd=source)


def move_all(files: Mapping[str, Content], source: int, target: int) -> dict[str, str]:
    """Move ``files`` and sync both folders; return, by name, why files stay in ``source``.

    A file that stays in ``source`` is not in ``target`` afterwards. Raises OSError.
    """
    problems = {}
    for file, content in files.items():
        try:
            give_name(file, content, source, target)
        except RefusedError as error:
            problems[file] = str(error)
            take_name(file, target, source)
    unmoved = take_all(files.keys() - problems.keys(), source, target)
    for file in unmoved:
        take_name(file, target, source)
    return problems | unmoved


def take_all(files: Iterable[str], source: int, target: int) -> dict[str, str]:
    """Remove from ``source`` those of ``files`` that ``target`` has too, and sync both folders.

    Return, by name, why files remain in both folders. Raises OSError.
    """
    problems = {}
    os.fsync(target)  # the new names must be on disk before the old ones are removed
    for file in files:
        try:
            take_name(file, source, target)
        except OSError as error:
            problems[file] = f"it can't be moved: {error.strerror}"
    os.fsync(source)
    return problems


def delete_all(files: Mapping[str, Content], folder: int) -> dict[str, str]:
    """Delete ``files``, as far as they still exist, and sync the folder; return, by name, why files stay."""
    problems = {}
    for file, content in files.items():
        try:
            if status(folder, file) is not None:
                _check(folder, file, content)
                os.unlink(file, dir_fd=folder)
        except RefusedError as error:
            problems[file] = str(error)
        except OSError as error:
            problems[file] = f"it can't be deleted: {error.strerror}"
    os.fsync(folder)
    return problems


def _same_stamp(found: os.stat_result, content: Content) -> bool:
    stamp = (found.st_size, found.st_mtime_ns, found.st_ino)
    return stat.S_ISREG(found.st_mode) and stamp == (content.size, content.mtime_ns, content.inode)


def _check(folder: int, file: str, content: Content) -> None:
    found = status(folder, file)
    if found is None:
        raise RefusedError(GONE)
    if not _same_stamp(found, content) and read_content(folder, file).sha256 != content.sha256:
        raise RefusedError(CHANGED)


def _link(file: str, source: int, target: int) -> None:
    try:
        os.link(file, file, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        if status(target, file) is not None:
            raise FileExistsError from None
        os.rename(file, file, src_dir_fd=source, dst_dir_fd=target)
