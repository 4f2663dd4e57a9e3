"""What a terminal sends, in any pieces, comes out as the same keys, and nothing of it as keys that were not pressed."""

import random

import pytest
from textual.events import Key, MouseMove, Paste
from textual.message import Message

from tui.keyboard import ESCAPE_WAIT, LONGEST_PASTE, MOST_KEYS, PASTE_WAIT, Keyboard


def said(*pieces: bytes, apart: float = 0.0) -> list[Message]:
    keyboard, now, messages = Keyboard(), 100.0, list[Message]()
    for piece in pieces:
        messages += keyboard.feed(piece, now)
        now += apart
    return [*messages, *keyboard.overdue(now + PASTE_WAIT)]


def words(messages: list[Message]) -> list[str]:
    return [one.key if isinstance(one, Key) else getattr(one, "text", type(one).__name__) for one in messages]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_keys_in_pieces(size: int) -> None:
    data = "aé\x1b[A\x1bOP\x1b[<35;5;6M\x1b[15~\x1b[97;5u\x1b[200~two\nlines\x1b[201~q".encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert words(said(*pieces)) == ["a", "é", "up", "f1", "MouseMove", "f5", "ctrl+a", "two\nlines", "q"]


def test_escape_is_a_key_once_nothing_follows() -> None:
    assert words(said(b"\x1b")) == ["escape"]
    assert words(said(b"\x1b", b"[A", apart=ESCAPE_WAIT / 2)) == ["up"]
    assert words(said(b"\x1b", b"x", apart=ESCAPE_WAIT * 2)) == ["escape", "x"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[99999999999u", b"\x1b[97;1;99999999999u", b"\x1b[48;30000;30000;1;1t", b"\x1b[?62;22c",
        b"\x1b[<35;-9;-9M", b"\x1b[" + b"1;" * 20 + b"q",
        b"\x1b]11;rgb:ff/00/00\x1b\\", b"\x1bP>|term(1)\x1b\\", b"\x1b_Gi=31;OK\x1b\\", b"\x1b]52;c;cXM=\x07",
    ],
)  # fmt: skip
def test_what_is_no_key_is_nothing(data: bytes) -> None:
    assert words(said(data + b"q")) == ["q"]


def test_no_bytes_are_too_much() -> None:
    draw = random.Random(6)
    for _ in range(200):
        said(*(draw.randbytes(draw.randint(1, 200)) for _ in range(10)), apart=0.3)


def test_a_paste_is_bounded_in_size_and_in_time() -> None:
    (paste,) = said(b"\x1b[200~" + b"a\x1b[31mq\x1b\x1b" * 100_000 + b"\x1b[201~")
    assert isinstance(paste, Paste)
    assert len(paste.text) == LONGEST_PASTE
    assert words(said(b"\x1b[200~never ended", b"q", apart=PASTE_WAIT)) == ["never ended", "q"]


def test_a_flood_is_cut_short() -> None:
    assert len(said(b"x" * 100_000)) == MOST_KEYS
    assert len(said(b"x" * 100_000, b"y", apart=1.0)) == MOST_KEYS + 1
    assert isinstance(said(b"\x1b[<35;5;6M")[0], MouseMove)
