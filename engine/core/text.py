"""Make text from elsewhere (file names, class names, messages of exceptions) safe to show."""

import difflib
import os
import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator

# ``str.isprintable`` lets these pass. Nothing is seen of Unicode's Default_Ignorable_Code_Point (UAX 44) and of the
# blank Braille cell; regional indicators and skin tones are as wide as a terminal likes, and so move what is
# right of them; enclosing marks reach over it.
_UNSURE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
    "\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\u0488\u0489\u1abe\u20dd-\u20e0\u20e2-\u20e4\ua670-\ua672]"
)
# Vowels and finals of Hangul in pieces, which take no cell of their own: letters, but as marks are.
_JOINED = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")
# No script stacks more on a letter.
_MOST_MARKS = 4

_TO_QUOTE = frozenset((*range(32), *b"'\\", *range(127, 256)))
_SURROGATE = re.compile("[\ud800-\udfff]")


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode's stand-in for one undecodable byte
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str, limit: int | None = None) -> str:
    """Return ``text`` with every character that could steer or confuse a terminal written out as an escape.

    The result is one line without controls, bidirectional and zero-width characters, blanks other than the space,
    and characters that Python's Unicode does not know; a letter keeps up to four combining marks. It can
    be encoded as UTF-8, and made printable once more it is the same. With ``limit`` (characters, at least 1) a
    longer text is cut and ends in ``…``.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if safe else _escape(one) for one, safe in _judged(text))


def _judged(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each character, and whether it can be shown."""
    marks = _MOST_MARKS  # a mark that comes first would change what stands before the text
    for character in text:
        if character.isascii():
            safe, marks = character.isprintable(), 0 if character.isprintable() else _MOST_MARKS
        elif not character.isprintable() or _UNSURE.match(character):
            safe, marks = False, _MOST_MARKS
        elif unicodedata.category(character)[0] == "M" or _JOINED.match(character):
            marks += 1
            safe = marks <= _MOST_MARKS
        else:
            safe, marks = True, 0
        yield character, safe


def encodable(text: str) -> str:
    """Return ``text`` as UTF-8 can hold it: the undecodable bytes of a file name are written out as escapes."""
    return _SURROGATE.sub(lambda match: _escape(match[0]), text)


def printable_json(json: str) -> str:
    """Return JSON of the same values in which no character steers or confuses a terminal; its lines stay."""
    return "".join(one if safe or one == "\n" else _json_escape(one) for one, safe in _judged(json))


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def shell_word(word: str) -> str:
    """Return ``word`` as a shell takes it, safe to show: what can't be shown, as ``$'…'`` (POSIX 2024; bash, zsh)."""
    if word == printable(word):
        return shlex.quote(word)
    # Octal, for it ends after three digits whatever follows.
    octal = (f"\\{byte:03o}" if byte in _TO_QUOTE else chr(byte) for byte in os.fsencode(word))
    return f"$'{''.join(octal)}'"


def nearest(word: str, words: Iterable[str], count: int = 3) -> list[str]:
    """Return the ``count`` closest of ``words`` to a mistyped ``word``, best first."""
    return difflib.get_close_matches(word, list(words), n=count, cutoff=0.5)
