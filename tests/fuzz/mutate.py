"""Damage to files: a valid one in, a hostile one out, the same one for the same generator."""

import random
import re
from collections.abc import Callable

_NUMBER = re.compile(rb"-?\d+(\.\d+)?(e[+-]?\d+)?")
_TOKEN = re.compile(rb'"[^"\n]*"|-?\d[\d.e+-]*|true|false|null|\w+')

HOSTILE = (
    b"1e308", b"-1e308", b"1e999", b"NaN", b"Infinity", b"-1", b"0", b"-0.0", b"1000000000000000000", b"9" * 30,
    b"9" * 5000, b"0x10", b'""', b"null", b"true", b"[]", b"{}", b"[[0,0,1]]", b"[[9,9,1000000000000000000]]",
    b'"\\u001b[2J\\u202e"', b'"\\ud800"', b"\xff\xfe", b'"' + b"x" * 5000 + b'"', b"[" * 3000, b'{"a":' * 3000,
    b'"../../etc/passwd"', b"=cmd|' /C calc'!A0", b"\0", b"\r", b"\n", b",", b'"',
)  # fmt: skip

_JSON_NUMBERS = (
    b"1e308",
    b"-1e308",
    b"-1",
    b"0",
    b"0.5",
    b"1e-320",
    b"1000000000000000000",
    b"-9223372036854775808",
)


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Return ``content`` with one to four damages."""
    for _ in range(rng.randint(1, 4)):
        content = rng.choice(_DAMAGES)(content, rng)
    return content


def _number(content: bytes, rng: random.Random) -> bytes:
    return _swap(_NUMBER, content, rng, rng.choice(HOSTILE[:11]))


def numbers(content: bytes, rng: random.Random, most: int = 8) -> bytes:
    """Put hostile numbers in the place of some: as JSON the file stays whole."""
    for _ in range(rng.randint(1, most)):
        content = _swap(_NUMBER, content, rng, rng.choice(_JSON_NUMBERS))
    return content


def _token(content: bytes, rng: random.Random) -> bytes:
    return _swap(_TOKEN, content, rng, rng.choice(HOSTILE))


def _exchange(content: bytes, rng: random.Random) -> bytes:
    """Put one word of the file in the place of another."""
    words = [match[0] for match in _TOKEN.finditer(content)]
    return _swap(_TOKEN, content, rng, rng.choice(words)) if words else content


def _swap(pattern: re.Pattern[bytes], content: bytes, rng: random.Random, value: bytes) -> bytes:
    found = list(pattern.finditer(content))
    if not found:
        return content + value
    match = rng.choice(found)
    return content[: match.start()] + value + content[match.end() :]


def _byte(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.randbytes(1) + content[at + 1 :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    start, end = sorted((rng.randrange(len(content) + 1), rng.randrange(len(content) + 1)))
    return content[:start] + content[end:] if rng.random() < 0.7 else content[:start]


def _lines(content: bytes, rng: random.Random) -> bytes:
    """Leave out, repeat or move a line."""
    lines = content.split(b"\n")
    line = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.choice((0, 1, 2))):
        lines.insert(rng.randrange(len(lines) + 1), line)
    return b"\n".join(lines)


_DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _number, _number, _number, _token, _token, _exchange, _byte, _cut, _lines,
)  # fmt: skip
