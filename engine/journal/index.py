"""A long journal's past, read quickly: what the newest ticks supersede is left out, and kept left out in a file.

``events.index`` beside the journal holds the journal's lines up to some size without those that tell nothing any
more. The engine renews it while the journal grows; a console that had much to read without it writes it too. It is
only ever a help: it is used when it fits the journal, and a run is complete without it.
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
"""Bytes of journal read beyond an index from which on writing one is worth it: about 40 ms of reading."""
_LARGEST = 256 << 20
"""Bytes; an index is read whole. One of 10,000 epochs has some 5 MB."""
_TAIL = 4096
_HIGHEST_HEADER = 4096

_STEP = b'\n{"type":"step",'
_NO_STEP = re.compile(rb'\n(?!\{"type":"step",)')
# Each says all that those of its kind before it said, as RunState folds them; no line of the log is made of one.
# But for samples of the system, of which it holds the newest as a history, and matrices that came with a picture.
_TICK = re.compile(
    rb'\{"type":"(step|system_sample|autoencoder_epoch|outlier_progress|prediction_progress|confusion_matrix)",'
)
_KEPT = {b"system_sample": SAMPLES_KEPT}
_NO_PICTURE = b',"path":"",'


class _Header(msgspec.Struct, frozen=True):
    format: int
    size: int
    """How many bytes of the journal the lines stand for."""
    seq: int
    """The sequence number of the last of them."""
    tail: str
    """SHA-256 of the journal's last bytes before ``size``."""
    lines: str
    """SHA-256 of all that comes after this header's line."""


_header = msgspec.json.Decoder(_Header)


def index_path(journal: Path) -> Path:
    return journal.with_name("events.index")


def compact(block: bytes) -> list[bytes]:
    """Return the lines of ``block`` but for progress ticks that a later one of their kind in it supersedes.

    Folded into a RunState they give the state that all the lines give. Steps, of which there are the most by
    far, are passed over without a look into them; a line in another spelling than this program's is kept.
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
        told = kind == b"confusion_matrix" and _NO_PICTURE not in line
        if not kind or told or seen[kind] < _KEPT.get(kind, 1):
            kept.append(line)
        seen[kind] += 1
    kept.reverse()
    return kept


def _end(text: bytes, start: int) -> int:
    end = text.find(b"\n", start)
    return end if end >= 0 else len(text)


def past_state(reader: JournalReader) -> RunState:
    """Fold what ``reader``'s journal holds already; the reader goes on behind it. Raises OSError."""
    state = RunState()
    for events in History(reader).read():
        state.apply_all(events)
    return state


class History:
    """What ``reader`` has yet to read of its journal as it is now, to be read once; the reader goes on behind it."""

    def __init__(self, reader: JournalReader) -> None:
        self.indexed = 0
        """For how many bytes of the journal its index stands."""
        self._reader = reader
        self._whole = not reader.offset
        self._kept: list[bytes] = []

    def read(self) -> Iterator[list[AnyEvent]]:
        """Yield the events in order, without superseded ticks. Raises OSError."""
        for lines in self.lines():
            yield list(self._reader.decode(lines))

    def lines(self) -> Iterator[list[bytes]]:
        """Yield the lines of those events. Raises OSError."""
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
        """Write the index anew if much was read that it did not hold; a folder that can't be written stays so."""
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
    """Keeps the index of a journal that this process writes; for one thread."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._due = _WORTH
        """The size of the journal, bytes, from which on to look at it again."""

    def look(self) -> None:
        """Renew the index if the journal has grown enough for that; what can't be read or written stays as it is.

        Only what came since the last time is read: 30 ms in over an hour of a run at ten steps a second.
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
        if self._due <= size:  # no index: the next try reads all of the journal again
            self._due = 2 * size


def _load(journal: Path) -> tuple[list[bytes], int]:
    """Return the index's lines and how much of the journal they stand for; nothing when it doesn't fit."""
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
    """Return the journal's last bytes before ``size``, fewer when it is shorter than that."""
    with open_regular(journal) as file:
        return os.pread(file.fileno(), min(_TAIL, size), max(0, size - _TAIL))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
