"""The folder of decoded images that runs share: what lies in it, who uses it, and making room."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engine.core.files import make_private

DISK_LIMIT = 20 * 10**9
"""Bytes that the cached images of all data sets may take together; the longest unused go first."""


@dataclass(frozen=True, slots=True)
class CacheFile:
    path: Path
    size: int
    """Bytes on disk."""
    used: float
    """When a run last began with it, seconds since the epoch."""


def cache_folder() -> Path:
    """Return the folder of cached images, which need not exist; ``XDG_CACHE_HOME`` moves it."""
    return platformdirs.user_cache_path("vrdl-tui") / "pixels"


def cache_files(folder: Path) -> list[CacheFile]:
    """Return the cache's files, the longest unused first."""
    files = []
    with contextlib.suppress(FileNotFoundError):
        for path in folder.glob("*.pix"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                # Blocks: a file has room for every image and holds those that were seen.
                files.append(CacheFile(path, status.st_blocks * 512, status.st_mtime))
    return sorted(files, key=lambda file: file.used)


def open_cache_file(path: Path) -> int:
    """Open (or begin) a cache file for this process's life; its use is marked, so that nobody removes it.

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
    """Remove files, first to last, until ``excess`` bytes are gone; return the bytes removed and kept.

    A file that a living run uses is passed over. Raises OSError when the folder can't be written to.
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
    """Say whether nobody uses the file, and keep it so meanwhile."""
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
