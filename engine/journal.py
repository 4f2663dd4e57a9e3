"""The run's journal: append events, replay them, follow a file that another process writes."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.event import Event
from engine.events import AnyEvent, Step, SystemSample, decode_line, encode_line
from engine.outlier_events import AutoencoderEpoch, OutlierProgress

E = TypeVar("E", bound=Event)

_CHUNK = 1 << 20
_LONGEST_LINE = 16 << 20

# Lost without harm in a power cut: the next one says the same, newer.
_UNSYNCED = (Step, SystemSample, AutoencoderEpoch, OutlierProgress)


class JournalWriter:
    """The one writer of a journal: the living engine. Safe to use from several threads.

    Opening repairs a torn last line (cut off by a crash or a power cut) by truncating it, and goes on
    with the sequence numbers. Each event is one ``write``; all but progress ticks are synced to disk.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._lock = threading.Lock()
        self._seq = self._repair()

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
        """Stamp ``event`` with the next sequence number and the time, write it, and return it stamped."""
        with self._lock:
            stamped = msgspec.structs.replace(event, seq=self._seq + 1, t=time.time())
            line = encode_line(stamped)
            written = os.write(self._fd, line)
            if written != len(
                line
            ):  # a disk filling up: take the half line back, so that readers never see it
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
                raise OSError(28, "the journal can't grow: no space left on the device")
            self._seq += 1
            if not isinstance(event, _UNSYNCED):
                os.fdatasync(self._fd)
            return stamped

    def close(self) -> None:
        os.close(self._fd)


@dataclass(slots=True)
class JournalReader:
    """Read a journal from where the last read ended. Damaged lines are counted and skipped."""

    path: Path
    offset: int = 0
    damaged: int = 0
    _torn: bytes = field(default=b"", repr=False)

    def read(self, limit: int = 64 * _CHUNK) -> list[AnyEvent]:
        """Return the events that came since the last call, at most about ``limit`` bytes of them.

        A missing file has no events yet; a last line without its newline is left for the next call.
        """
        return [event for block in self.blocks(limit) for event in self.decode(block.split(b"\n"))]

    def decode(self, lines: Iterable[bytes]) -> Iterator[AnyEvent]:
        """Yield the events of lines of this journal, damaged ones counted and left out."""
        for line in lines:
            event = decode_line(line)
            if event is None:
                self.damaged += 1
            else:
                yield event

    def blocks(self, limit: int = 1 << 62) -> Iterator[bytes]:
        """Yield the whole lines that came since the last call, some 1 MB at a time, the last newline left out.

        ``offset`` is behind the lines that were yielded. Raises OSError, but not for a missing file.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return
        try:
            taken = 0
            while taken < limit:
                chunk = os.pread(fd, _CHUNK, self.offset + len(self._torn))
                if not chunk:
                    break
                data = self._torn + chunk
                end = data.rfind(b"\n") + 1
                self.offset += end
                taken += end
                self._torn = data[end:]
                if len(self._torn) > _LONGEST_LINE:
                    self.damaged += 1
                    self.offset += len(self._torn)
                    self._torn = b""
                if end:
                    yield data[: end - 1]
        finally:
            # The torn rest is read again next time: the writer may have truncated it meanwhile.
            self._torn = b""
            os.close(fd)
