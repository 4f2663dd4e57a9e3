"""The manifest of what is done to outliers' files: written before the first of them is touched, never after."""

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


class Content(msgspec.Struct, frozen=True):
    """A file's bytes: their sha256 (hex) and number, and by what to see cheaply that they are still the same."""

    sha256: str
    size: int
    mtime_ns: int
    inode: int


class Owner(msgspec.Struct, frozen=True, tag="run"):
    """The first line of a quarantine: the run that it belongs to, by an identity that survives a move."""

    id: str
    path: str
    """Of the run's folder when the quarantine was made."""
    train: str
    """The folder that its files came from."""


class Planned(msgspec.Struct, frozen=True, tag="planned", rename={"class_name": "class"}):
    """A file is about to be moved or deleted. Class and file are the names of its folder and its own."""

    action: Action
    class_name: str
    file: str
    content: Content
    error: float
    threshold: float
    t: float
    """Seconds since the Unix epoch."""


class Returned(msgspec.Struct, frozen=True, tag="returned", rename={"class_name": "class"}):
    """A file that was planned is in its class folder: it is about to go back there, or it never left."""

    class_name: str
    file: str
    why: str
    """``restored``, or what kept it from being moved or deleted."""
    t: float


Line: TypeAlias = Owner | Planned | Returned


class Manifest:
    """One JSON object a line, in ASCII, so that a name that isn't UTF-8 comes back as it was."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Line]:
        """Return all whole lines but damaged ones; an absent file has none. Raises OSError."""
        # What follows the last newline is a line that is being written, or was torn.
        found = [_decode(line) for line in self._lines(-1)[:-1]]
        return [line for line in found if line is not None]

    def owner(self) -> str:
        """Return the identity of the run on the first line; "" when there is none. Raises OSError."""
        lines = self._lines(_LONGEST_OWNER)
        first = _decode(lines[0]) if len(lines) > 1 else None
        return first.id if isinstance(first, Owner) else ""

    def _lines(self, size: int) -> list[bytes]:
        try:
            # A pipe of that name must not block.
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return [b""]
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "it is no regular file", str(self.path))
            return file.read(size).split(b"\n")

    def append(self, lines: Sequence[Line]) -> None:
        """Write ``lines`` and sync them and the file's name; a torn last line is cut off before.

        Raises OSError (disk full, no permission), in which case the file has the whole lines that it had.
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
    """Truncate the file to its last newline; return its size, bytes."""
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
