"""An index that makes long journals fast to read: their lines without superseded progress ticks.

``events.index`` beside the journal holds the lines up to some size of the journal, except those that later ones
supersede. The engine updates it while the journal grows; a console that had to read much without it writes it too. It
is optional: it is used only if it matches the journal, and a run is complete without it.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.core.files import open_regular, read_regular, replace_file
from engine.journal.events import AnyEvent, decode_line
from engine.journal.log import JournalReader
from engine.journal.state import SAMPLES_KEPT, RunState

_FORMAT = 1
_WORTH = 8 << 20
"""Least bytes of journal beyond the index for which a new one is written; reading them takes about 40 ms."""
_LARGEST = 256 << 20
"""Bytes; an index is read in one piece. One of 10,000 epochs has about 5 MB."""
_TAIL = 4096
_HIGHEST_HEADER = 4096

_STEP = b'\n{"type":"step",'
_NO_STEP = re.compile(rb'\n(?!\{"type":"step",)')
# A later event of one of these kinds replaces the earlier ones in RunState, and the log view shows none of them.
# Exceptions: RunState keeps the newest system samples as a history, and the confusion matrices that have a picture.
_TICK = re.compile(
    rb'\{"type":"(step|system_sample|autoencoder_epoch|outlier_progress|prediction_progress|confusion_matrix)",'
)
_KEPT = {b"system_sample": SAMPLES_KEPT}
_NO_PICTURE = b',"path":"",'


class _Header(msgspec.Struct, frozen=True):
    format: int
    size: int
    """Bytes of the journal that the index covers."""
    seq: int
    """Number of the last event that it covers."""
    tail: str
    """SHA-256 of the last bytes of the journal before ``size``."""
    lines: str
    """SHA-256 of everything after the line of this header."""


_header = msgspec.json.Decoder(_Header)


def index_path(journal: Path) -> Path:
    """Return the path of a journal's index, which may not exist."""
    return journal.with_name("events.index")


def compact(block: bytes) -> list[bytes]:
    """Return the lines of ``block`` without progress ticks that a later line of the same kind supersedes.

    Folded into a RunState they give the same state as all lines. Steps, by far the most frequent, are skipped without
    being parsed. A line that isn't formatted as by ``encode_line`` is kept.
    """
    text = b"\n" + block
    starts = [match.start() for match in _NO_STEP.finditer(text)]
    last_step = text.rfind(_STEP)
    if last_step >= 0:
        starts.append(last_step)
        starts.sort()
    lines = [text[start + 1 : _end(text, start + 1)] for start in starts]
    seen: Counter[bytes] = Counter()
    kept = []
    for line in reversed(lines):
        kind = match[1] if (match := _TICK.match(line)) else b""
        has_picture = kind == b"confusion_matrix" and _NO_PICTURE not in line
        if not kind or has_picture or seen[kind] < _KEPT.get(kind, 1):
            kept.append(line)
        seen[kind] += 1
    kept.reverse()
    return kept


def _end(text: bytes, start: int) -> int:
    end = text.find(b"\n", start)
    return end if end >= 0 else len(text)


def past_state(reader: JournalReader) -> RunState:
    """Return the state of the journal of ``reader`` as it is now; the reader continues after it. Raises OSError."""
    state = RunState()
    for events in History(reader).read():
        state.apply_all(events)
    return state


class History:
    """The unread part of the journal of ``reader``, to be read once; the reader then continues after it."""

    def __init__(self, reader: JournalReader) -> None:
        self.indexed = 0
        """Bytes of the journal that the index covers."""
        self._reader = reader
        self._whole = not reader.offset
        self._kept: list[bytes] = []

    def read(self) -> Iterator[list[AnyEvent]]:
        """Yield lists of events in order, without superseded ticks. Raises OSError."""
        for lines in self.lines():
            yield list(self._reader.decode(lines))

    def lines(self) -> Iterator[list[bytes]]:
        """Yield lists of the lines of those events. Raises OSError."""
        if self._whole:
            lines, self.indexed = _load(self._reader.path)
            self._reader.offset = self.indexed
            if lines:
                self._kept += lines
                yield lines
        for block in self._reader.blocks():
            lines = compact(block)
            self._kept += lines
            yield lines

    def save(self) -> None:
        """Write a new index if the old one lacks much of what was read. OSErrors are ignored."""
        size = self._reader.offset
        lines, self._kept = compact(b"\n".join(self._kept)), []
        worth = size - self.indexed >= _WORTH and sum(map(len, lines)) <= min(size // 2, _LARGEST // 2)
        last = decode_line(lines[-1]) if worth and self._whole else None
        if last is None:
            return
        body = b"\n".join(lines)
        try:
            tail = _digest(_before(self._reader.path, size))
            header = _Header(format=_FORMAT, size=size, seq=last.seq, tail=tail, lines=_digest(body))
            replace_file(index_path(self._reader.path), msgspec.json.encode(header) + b"\n" + body)
        except OSError:
            return
        self.indexed = size


class IndexUpdater:
    """Updates the index of a journal that this process writes. Not thread-safe."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._due = _WORTH
        """Size of the journal at which to update the index, bytes."""

    def look(self) -> None:
        """Update the index if the journal has grown enough. OSErrors are ignored.

        Reads only the lines since the last update, which takes 30 ms once in more than an hour at ten steps a second.
        """
        try:
            size = self._journal.stat().st_size
            if size < self._due:
                return
            past = History(JournalReader(self._journal))
            for _ in past.lines():
                pass
            past.save()
        except OSError:
            return
        self._due = past.indexed + _WORTH
        if self._due <= size:  # no index was written: the next update has to read the whole journal
            self._due = 2 * size


def _load(journal: Path) -> tuple[list[bytes], int]:
    """Return the lines of the index and how many bytes of the journal it covers; none and 0 if it doesn't match."""
    try:
        head, _, body = read_regular(index_path(journal), _LARGEST).partition(b"\n")
        header = _header.decode(head[:_HIGHEST_HEADER])
        if header.format != _FORMAT or header.size <= 0 or header.lines != _digest(body):
            return [], 0
        lines = body.split(b"\n")
        last = decode_line(lines[-1])
        fits = last is not None and last.seq == header.seq
        fits = fits and header.tail == _digest(_before(journal, header.size))
        return (lines, header.size) if fits else ([], 0)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [], 0


def _before(journal: Path, size: int) -> bytes:
    """Return the last bytes of the journal before ``size``, at most ``_TAIL``."""
    with open_regular(journal) as file:
        return os.pread(file.fileno(), min(_TAIL, size), max(0, size - _TAIL))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
