"""Make text from other sources (file names, class names, exception messages) safe to show."""

import difflib
import os
import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator

# Unsafe characters that ``str.isprintable`` accepts. Unicode's Default_Ignorable_Code_Point (UAX 44) and the blank
# Braille cell are invisible; the width of regional indicators and skin tones depends on the terminal, which shifts
# the text to their right; enclosing marks extend over it.
_UNSURE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
    "\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\u0488\u0489\u1abe\u20dd-\u20e0\u20e2-\u20e4\ua670-\ua672]"
)
# Conjoining vowels and finals of Hangul: letters by category, but of zero width like combining marks.
_JOINED = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")
# No script uses more combining marks on one letter.
_MOST_MARKS = 4

_TO_QUOTE = frozenset((*range(32), *b"'\\", *range(127, 256)))
_SURROGATE = re.compile("[\ud800-\udfff]")


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # one undecodable byte, as os.fsdecode represents it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str, limit: int | None = None) -> str:
    """Return ``text`` with every character that could control or confuse a terminal replaced by an escape.

    The result is one line that can be encoded as UTF-8. It has no control, bidirectional or zero-width characters, no
    blanks other than the space, no characters unknown to Python's version of Unicode, and at most four combining marks
    on a letter. The function is idempotent. With ``limit`` (characters, at least 1), longer text is first cut to end
    in ``…``.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if safe else _escape(one) for one, safe in _classified(text))


def _classified(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each character with whether it is safe to show."""
    marks = _MOST_MARKS  # a leading mark would combine with the character before the text
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
    """Return ``text`` with the undecodable bytes of file names as escapes, so that it can be encoded as UTF-8."""
    return _SURROGATE.sub(lambda match: _escape(match[0]), text)


def printable_json(json: str) -> str:
    """Return JSON of the same values in which no character controls or confuses a terminal; line breaks are kept."""
    return "".join(one if safe or one == "\n" else _json_escape(one) for one, safe in _classified(json))


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def shell_word(word: str) -> str:
    """Return ``word`` quoted for a shell and safe to show, in the form ``$'…'`` (POSIX 2024; bash, zsh) if needed."""
    if word == printable(word):
        return shlex.quote(word)
    # Octal, because such an escape ends after three digits whatever follows.
    octal = (f"\\{byte:03o}" if byte in _TO_QUOTE else chr(byte) for byte in os.fsencode(word))
    return f"$'{''.join(octal)}'"


def nearest(word: str, words: Iterable[str], count: int = 3) -> list[str]:
    """Return up to ``count`` of ``words`` that resemble a mistyped ``word``, most similar first."""
    return difflib.get_close_matches(word, list(words), n=count, cutoff=0.5)


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a number with what it counts: ``1 image``, ``2,000 images``; ``many`` if an s doesn't make the plural."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def names(found: tuple[str, ...] | list[str], number: int | None = None, *, most: int = 8) -> str:
    """Return names separated by commas, safe to show, and how many more there are of ``number`` (all of ``found``)."""
    shown = ", ".join(printable(name, 60) for name in found[:most])
    more = (len(found) if number is None else number) - min(len(found), most)
    return shown + (f" and {more:,} more" if shown and more > 0 else "")
