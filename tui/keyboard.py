"""What a terminal sends, as messages, whatever it sends: pasted binaries, broken sequences, answers nobody asked for.

Textual's parser is given whole sequences only. It fails for good on some that are broken, and takes one that it does
not know for typed text: in a terminal's answer to a question, ``c`` would save a checkpoint.
"""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator

from textual._xterm_parser import XTermParser
from textual.events import Key, Paste, Resize
from textual.message import Message
from textual.messages import InBandWindowResize

_BEGIN, _END = b"\x1b[200~", b"\x1b[201~"
_SEQUENCE = re.compile(
    r"\x1b(?:\[(?:\[[A-E]|M[^\x1b]{3}|[ -?]*[@-~])|O[ -~]|[\]P_^X][^\x07\x1b]+(?:\x07|\x1b\\)|[^\x1b\[\]OP_^X])"
)
"""Keys, mouse and answers (ECMA-48, 5.4; Linux' F1 to F5 and xterm's old mouse besides), strings, keys with alt."""
_BEGUN = re.compile(r"\x1b(?:\[\[?|\[M[^\x1b]{0,2}|\[[ -?]*|O|[\]P_^X][^\x07\x1b]*\x1b?)?\Z")
"""The beginning of one of these."""

ESCAPE_WAIT = 0.1
"""Seconds after which an escape character that nothing followed was the key."""
PASTE_WAIT = 5.0
"""Seconds of silence after which a paste has ended, also one whose end never came."""
LONGEST_PASTE = 64 * 1024
"""Bytes of a paste that are kept."""
MOST_KEYS = 500
"""Messages in a second: nobody types more, and who pastes without brackets would keep the console busy for minutes."""
_LONGEST_BEGUN = 8192
# The parser takes what is longer, and strings, for typed text.
_LONGEST_KEY = 32
# The kernel says how large the terminal is; what is pasted may not.
_OF_SIZE = (Resize, InBandWindowResize)


class Keyboard:
    """Turns bytes into messages; never raises, and keeps no more than a paste."""

    def __init__(self) -> None:
        self._parser = XTermParser()
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._bytes = b""
        """What may be the beginning of a paste, or of its end."""
        self._pasted: bytearray | None = None
        self._begun = ""
        """The beginning of a sequence."""
        self._heard = 0.0
        self._second, self._count = 0, 0

    def feed(self, data: bytes, now: float) -> Iterator[Message]:
        """Yield what ``data``, read at ``now`` (seconds, of a monotonic clock), says."""
        yield from self.overdue(now)
        self._heard = now
        if int(now) != self._second:
            self._second, self._count = int(now), 0
        data = self._bytes + data
        self._bytes = b""
        while data:
            mark = _BEGIN if self._pasted is None else _END
            before, found, data = data.partition(mark)
            if not found:
                before, self._bytes = _without_begun(before, mark)
            if self._pasted is None:
                yield from self._read(before)
                if found:
                    self._pasted = bytearray()
            else:
                self._pasted += before[: LONGEST_PASTE - len(self._pasted)]
                if found:
                    yield from self._paste()

    def overdue(self, now: float) -> Iterator[Message]:
        """Yield what stands still open at ``now``, if nothing was heard for so long that it is over."""
        silence = now - self._heard
        if self._pasted is not None:
            if silence >= PASTE_WAIT:
                self._bytes = b""
                yield from self._paste()
        elif silence >= ESCAPE_WAIT and (self._bytes or self._begun):
            begun = self._begun + self._decode(self._bytes)
            self._bytes, self._begun = b"", ""
            if begun == "\x1b":
                yield Key("escape", "\x1b")

    def _paste(self) -> Iterator[Message]:
        text = bytes(self._pasted or b"").decode("utf-8", "replace")
        self._pasted = None
        yield Paste(text.replace("\x00", ""))

    def _read(self, data: bytes) -> Iterator[Message]:
        text = self._begun + self._decode(data)
        self._begun = ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                yield from self._parse(text[at])
                at += 1
            elif found := _SEQUENCE.match(text, at):
                if len(found[0]) <= _LONGEST_KEY and found[0][1] not in "]P_^X":
                    yield from self._parse(found[0])
                at = found.end()
            elif len(text) - at < _LONGEST_BEGUN and _BEGUN.match(text, at):
                self._begun, at = text[at:], len(text)
            else:
                if text[at + 1 : at + 2] == "\x1b":
                    yield from self._parse("\x1b")
                at += 1

    def _parse(self, sequence: str) -> Iterator[Message]:
        if self._count >= MOST_KEYS:
            return
        self._count += 1
        if sequence == "\x1b":
            yield Key("escape", sequence)
            return
        try:
            messages = list(self._parser.feed(sequence))
        except Exception:  # of any kind: numbers too great, no such character, a division by zero
            messages = []
        if not messages or isinstance(messages[0], _OF_SIZE):
            # It has failed, waits for more of what it does not know, or was told a size.
            self._parser = XTermParser()
        yield from (message for message in messages if not isinstance(message, _OF_SIZE))


def _without_begun(data: bytes, mark: bytes) -> tuple[bytes, bytes]:
    """Split off the end of ``data`` that is the beginning of ``mark``."""
    longest = next((size for size in range(len(mark) - 1, 0, -1) if data.endswith(mark[:size])), 0)
    return data[: len(data) - longest], data[len(data) - longest :]
