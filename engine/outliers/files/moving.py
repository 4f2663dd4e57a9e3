"""Moving a file between two open folders: nothing is overwritten, no link is followed, a kill loses nothing.

A file is moved in two steps, so that a batch can be synced between them: ``give_name`` makes its name in the target,
``take_name`` removes the one in the source. Both may be done again from any state that a kill can leave.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from engine.core.files import is_plain
from engine.outliers.files.manifest import Content

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# File systems without hard links, kernels that forbid links to others' files, a file that has too many.
_NO_LINK = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)

CHANGED = "it changed meanwhile"
GONE = "it is gone"
TAKEN = "another file has its name there"


class RefusedError(Exception):
    """Why a file is left as it is, in words for the user."""


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """Open a folder that the user or this program named. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def open_class(parent: int, name: str, *, make: bool = False) -> Iterator[int]:
    """Open the class folder ``name`` in the open folder ``parent``; ``make`` it if there is none.

    Raises RefusedError when it is no folder of its own (a link), isn't there or can't be opened.
    """
    if not is_plain(name):
        raise RefusedError("its class is no plain name")
    try:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=parent)
                os.fsync(parent)
        fd = os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        no_folder = error.errno in (errno.ENOTDIR, errno.ELOOP)
        why = "is a link or no folder" if no_folder else f"can't be opened: {error.strerror}"
        raise RefusedError(f"its class folder {why}") from None
    try:
        yield fd
    finally:
        os.close(fd)


def status(folder: int, file: str) -> os.stat_result | None:
    """Return what is known of a name in an open folder, of a link itself; None for a name that isn't there."""
    try:
        return os.stat(file, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def read_content(folder: int, file: str) -> Content:
    """Read and hash ``file``. Raises RefusedError unless it is a regular file that stays the same meanwhile."""
    if not is_plain(file):
        raise RefusedError("it is no plain name")
    try:
        # A pipe of that name must not block.
        fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode):
                raise RefusedError("it is no regular file")
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
    if not _looks_like(before, content):
        raise RefusedError(CHANGED)
    return content


def must_move(file: str, content: Content, source: int, target: int) -> bool:
    """Say whether ``file`` has yet to get its name in ``target``.

    Raises RefusedError: gone from both, the target's name taken by another file, no longer of ``content``.
    """
    here, there = status(source, file), status(target, file)
    if here is None and there is None:
        raise RefusedError(GONE)
    if here is not None and there is not None and not os.path.samestat(here, there):
        raise RefusedError(TAKEN)
    _check(source if here is not None else target, file, content)
    return there is None


def give_name(file: str, content: Content, source: int, target: int) -> None:
    """Give ``file`` its name in ``target`` too, or only there where hard links aren't to be had.

    Does nothing when that was done before. Raises RefusedError as ``must_move`` does, and when the file system
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
        _check(target, file, content)  # and not one that came under its name in this moment
    except RefusedError:
        take_name(file, target, source)
        raise


def take_name(file: str, source: int, target: int) -> None:
    """Remove ``file`` from ``source`` if ``target`` has the very same file. Raises OSError."""
    here, there = status(source, file), status(target, file)
    if here is not None and there is not None and os.path.samestat(here, there):
        os.unlink(file, dir_fd=source)


def move_all(files: Mapping[str, Content], source: int, target: int) -> dict[str, str]:
    """Move ``files`` and sync both folders; return why, by name, for those that stay in ``source``.

    A file that stays has no name in ``target`` afterwards, unless another one has it. Raises OSError.
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

    Return why, by name, for those that keep both names. Raises OSError.
    """
    problems = {}
    os.fsync(target)  # the new names are safe before the old ones go
    for file in files:
        try:
            take_name(file, source, target)
        except OSError as error:
            problems[file] = f"it can't be moved: {error.strerror}"
    os.fsync(source)
    return problems


def delete_all(files: Mapping[str, Content], folder: int) -> dict[str, str]:
    """Delete ``files``, which may be gone already, and sync the folder; return why, by name, for those that stay."""
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


def _looks_like(found: os.stat_result, content: Content) -> bool:
    stamp = (found.st_size, found.st_mtime_ns, found.st_ino)
    return stat.S_ISREG(found.st_mode) and stamp == (content.size, content.mtime_ns, content.inode)


def _check(folder: int, file: str, content: Content) -> None:
    found = status(folder, file)
    if found is None:
        raise RefusedError(GONE)
    if not _looks_like(found, content) and read_content(folder, file).sha256 != content.sha256:
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
