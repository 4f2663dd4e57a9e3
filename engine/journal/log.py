"""The journal of a run: append events, replay them, follow a file that another process writes."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.core.files import append_whole, fsync_folder, open_own, open_regular, sync_data
from engine.journal.events import (
    AnyEvent,
    AutoencoderEpoch,
    Event,
    OutlierExcluded,
    OutlierProgress,
    OutlierRestored,
    Step,
    SystemSample,
    decode_line,
    encode_line,
)

E = TypeVar("E", bound=Event)

_CHUNK = 1 << 20
_LONGEST_LINE = 16 << 20
# Few, large reads: each releases the interpreter lock, which a busy thread returns after 5 ms at the earliest. What was
# read is processed in blocks that fit into a CPU cache.
_READ = 4 << 20
_BLOCK = 256 << 10

# Harmless to lose in a power failure, because the next event supersedes them. Exclusions can come by the thousand; an
# answer to a command, the end of their stage or ``close`` syncs them before anything relies on them.
_UNSYNCED = (Step, SystemSample, AutoencoderEpoch, OutlierProgress, OutlierExcluded, OutlierRestored)


class JournalWriter:
    """The only writer of a journal: the running engine. Thread-safe.

    Opening removes an incomplete last line, left by a crash or a power failure, and continues the numbering. It raises
    UserError if the file is a link or not a regular file. Each call is one ``write``; all events but the ``_UNSYNCED``
    ones are synced to disk. A failed write raises OSError, and neither event nor number are in the file.
    """

    def __init__(self, path: Path) -> None:
        self._fd = open_own(path, os.O_RDWR | os.O_APPEND)
        self._lock = threading.Lock()
        self._torn = False
        """Whether the last write failed and may have left an incomplete line."""
        self._seq = self._repair()
        if not self._seq:
            fsync_folder(path.parent)

    def _repair(self) -> int:
        size = os.fstat(self._fd).st_size
        tail = min(size, _CHUNK)
        while True:
            data = os.pread(self._fd, tail, size - tail)
            end = data.rfind(b"\n") + 1
            start = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
            if start > 0 or tail == size:
                break
            tail = min(size, tail * 2)
        if end < len(data):
            os.ftruncate(self._fd, size - len(data) + end)
        last = decode_line(data[start:end]) if end else None
        if last is not None:
            return last.seq
        return sum(1 for _ in os.pread(self._fd, size, 0).splitlines()) if size else 0

    def append(self, event: E) -> E:
        """Write ``event`` with the next number and the current time, and return it with both. Raises OSError."""
        stamped: E
        (stamped,) = self.append_all(event)
        return stamped

    def append_all(self, *events: E) -> list[E]:
        """Append ``events`` in one write, so that a kill leaves all of them or none. Raises OSError."""
        with self._lock:
            if self._torn:
                self._seq, self._torn = self._repair(), False
            stamped = [
                msgspec.structs.replace(event, seq=self._seq + number, t=time.time())
                for number, event in enumerate(events, 1)
            ]
            ticks = all(isinstance(event, _UNSYNCED) for event in events)
            try:
                append_whole(self._fd, b"".join(map(encode_line, stamped)), sync=not ticks)
            except OSError:
                self._torn = True
                raise
            self._seq += len(events)
            return stamped

    def close(self) -> None:
        """Sync what isn't synced yet and close the file. Raises OSError."""
        try:
            sync_data(self._fd)
        finally:
            os.close(self._fd)


@dataclass(slots=True)
class JournalReader:
    """Reads a journal incrementally. Damaged lines are counted and skipped."""

    path: Path
    offset: int = 0
    """Where the next read starts, bytes."""
    damaged: int = 0
    """The number of damaged lines so far."""

    def read(self, limit: int = 64 * _CHUNK) -> list[AnyEvent]:
        """Return the events added since the last call, at most about ``limit`` bytes of them.

        A missing file has no events. A last line without newline is left for the next call. Raises OSError.
        """
        return [event for block in self.blocks(limit) for event in self.decode(block.split(b"\n"))]

    def decode(self, lines: Iterable[bytes]) -> Iterator[AnyEvent]:
        """Yield the events on these lines; damaged lines are counted and skipped."""
        for line in lines:
            event = decode_line(line)
            if event is None:
                self.damaged += 1
            else:
                yield event

    def blocks(self, limit: int = 1 << 62) -> Iterator[bytes]:
        """Yield the complete lines added since the last call, in blocks of about 256 kB without the last newline.

        ``offset`` is after the lines yielded so far. Raises OSError, but not for a missing file.
        """
        try:
            file = open_regular(self.path)
        except FileNotFoundError:
            return
        with file:
            taken, size = 0, _READ
            while taken < limit:
                chunk = os.pread(file.fileno(), size, self.offset)
                whole = chunk.rfind(b"\n") + 1
                if not whole and len(chunk) < size:  # still being written, or interrupted
                    break
                if not whole and size < _LONGEST_LINE:
                    size *= 2
                    continue
                if not whole:
                    self.damaged += 1
                    self.offset += len(chunk)
                start = 0
                while start < whole and taken < limit:
                    end = chunk.rfind(b"\n", start, start + _BLOCK) + 1 or chunk.find(b"\n", start) + 1
                    self.offset += end - start
                    taken += end - start
                    yield chunk[start : end - 1]
                    start = end
                size = _READ
