"""The manifest of operations on outliers' files. Each file is recorded before it is touched."""

import errno
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from engine.core.files import fsync_folder, mode_in

_LONGEST_OWNER = 1 << 16

Action: TypeAlias = Literal["quarantine", "delete"]
"""The values of ``outliers.action`` that touch files."""


class Content(msgspec.Struct, frozen=True):
    """A file's checksum, and the stat fields by which an unchanged file is recognised without reading it."""

    sha256: str
    """Hexadecimal."""
    size: int
    mtime_ns: int
    inode: int


class Owner(msgspec.Struct, frozen=True, tag="run"):
    """The first line of a quarantine's manifest: the run that owns the quarantine."""

    id: str
    """The run's ``quarantine.id``, which survives renaming the run."""
    path: str
    """The run's folder when the quarantine was created."""
    train: str
    """The training folder that the files came from."""


class Planned(msgspec.Struct, frozen=True, tag="planned", rename={"class_name": "class"}):
    """A line for a file that is about to be moved or deleted."""

    action: Action
    class_name: str
    """The file's folder relative to the training folder: that of its class, or one below it."""
    file: str
    """File name in that folder."""
    content: Content
    error: float
    threshold: float
    t: float
    """Seconds since the Unix epoch."""


class Returned(msgspec.Struct, frozen=True, tag="returned", rename={"class_name": "class"}):
    """A line for a planned file that is in its class folder: it is about to be moved back there, or it never left."""

    class_name: str
    file: str
    why: str
    """``restored``, or why the file wasn't moved or deleted."""
    t: float
    """Seconds since the Unix epoch."""


Line: TypeAlias = Owner | Planned | Returned
"""A line of a manifest."""


class Manifest:
    """A manifest file: one JSON object per line, in ASCII, so that file names that aren't UTF-8 are preserved."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Line]:
        """Return all complete lines, skipping damaged ones; [] if there is no file. Raises OSError."""
        # Whatever follows the last newline is a line being written, or one that a kill truncated.
        found = [_decode(line) for line in self._lines(-1)[:-1]]
        return [line for line in found if line is not None]

    def owner(self) -> str:
        """Return the owner's id from the first line, "" if there is none. Raises OSError."""
        lines = self._lines(_LONGEST_OWNER)
        first = _decode(lines[0]) if len(lines) > 1 else None
        return first.id if isinstance(first, Owner) else ""

    def _lines(self, size: int) -> list[bytes]:
        try:
            # O_NONBLOCK: opening a pipe of that name must not block.
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return [b""]
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file", str(self.path))
            return file.read(size).split(b"\n")

    def append(self, lines: Sequence[Line]) -> None:
        """Append ``lines`` and sync file and folder. An incomplete last line is removed first.

        Raises OSError (disk full, no permission), in which case the file keeps its complete lines only.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self.path, flags, mode_in(self.path.parent))
        try:
            size = _cut_torn_line(fd)
            try:
                rest = memoryview(b"".join(map(_encode, lines)))
                while rest:
                    rest = rest[os.write(fd, rest) :]
                os.fsync(fd)
            except BaseException:
                os.ftruncate(fd, size)
                raise
        finally:
            os.close(fd)
        if not size:
            fsync_folder(self.path.parent)


def _encode(line: Line) -> bytes:
    return json.dumps(msgspec.to_builtins(line)).encode("ascii") + b"\n"


def _decode(line: bytes) -> Line | None:
    try:
        return msgspec.convert(json.loads(line), Line)  # type: ignore[no-any-return]
    except (ValueError, msgspec.ValidationError, RecursionError):
        return None


def _cut_torn_line(fd: int) -> int:
    """Truncate the file after its last newline; return its size in bytes."""
    size = os.fstat(fd).st_size
    end, chunk = size, 1 << 16
    while end:
        start = max(0, end - chunk)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(fd, end)
    return end
