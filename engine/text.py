"""Make text from elsewhere (file names, class names, messages of exceptions) safe to show."""

import difflib
import re
from collections.abc import Iterable

# C0 and C1 controls and DEL, zero-width and bidirectional controls, line and paragraph separators,
# lone surrogates (undecodable bytes of file names), the byte-order mark, tag characters.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

_SURROGATE = re.compile("[\ud800-\udfff]")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode's stand-in for one undecodable byte
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str, limit: int | None = None) -> str:
    """Return ``text`` with every character that could steer a terminal written out as an escape.

    The result is one line, holds no control, bidirectional or zero-width character, and can always be
    encoded as UTF-8. With ``limit`` (characters, at least 1) a longer text is cut and ends in ``…``.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return _UNSAFE.sub(_escape, text)


def encodable(text: str) -> str:
    """Return ``text`` as UTF-8 can hold it: the undecodable bytes of a file name are written out as escapes."""
    return _SURROGATE.sub(_escape, text)


def nearest(word: str, words: Iterable[str], count: int = 3) -> list[str]:
    """Return the ``count`` closest of ``words`` to a mistyped ``word``, best first."""
    return difflib.get_close_matches(word, list(words), n=count, cutoff=0.5)
