"""The folder of decoded images that runs share: list its files, open one, free disk space."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engine.core.files import make_private

DISK_LIMIT = 20 * 10**9
"""Maximum size of the cache for all data sets together, bytes; the least recently used files are removed first."""


@dataclass(frozen=True, slots=True)
class CacheFile:
    """One file of the cache."""

    path: Path
    size: int
    """Bytes allocated on disk."""
    used: float
    """When a run last opened it, seconds since the Unix epoch."""


def cache_folder() -> Path:
    """Return the folder of cached images, which may not exist. ``XDG_CACHE_HOME`` changes its location."""
    return platformdirs.user_cache_path("vrdl-tui") / "pixels"


def cache_files(folder: Path) -> list[CacheFile]:
    """Return the files of the cache, least recently used first."""
    files = []
    with contextlib.suppress(FileNotFoundError):
        for path in folder.glob("*.pix"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                # Allocated blocks, not the length: the files are sparse, with a slot for every image.
                files.append(CacheFile(path, status.st_blocks * 512, status.st_mtime))
    return sorted(files, key=lambda file: file.used)


def open_cache_file(path: Path) -> int:
    """Open or create a cache file and return its descriptor, to be kept open as long as the file is used.

    A shared lock on the descriptor protects the file from ``remove_unused``; its modification time records the use.
    Raises OSError.
    """
    make_private(path.parent)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        os.utime(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def remove_unused(files: list[CacheFile], excess: float) -> tuple[int, int]:
    """Remove files in the given order until ``excess`` bytes are freed; return the bytes removed and kept.

    Files used by a running process are skipped. Raises OSError if the folder is not writable.
    """
    removed = kept = 0
    for file in files:
        if removed >= excess:
            kept += file.size
            continue
        with _unused(file.path) as free:
            if free:
                file.path.unlink(missing_ok=True)
                removed += file.size
            else:
                kept += file.size
    return removed, kept


@contextlib.contextmanager
def _unused(path: Path) -> Iterator[bool]:
    """Yield whether no process uses the file, which stays locked until the context exits."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    else:
        yield True
    finally:
        os.close(fd)
