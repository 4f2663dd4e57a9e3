"""Text from elsewhere, made safe to show."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import nearest, printable


@given(st.text() | st.binary().map(os.fsdecode))
def test_nothing_that_steers_a_terminal_comes_through(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown)
    assert not set(shown) & set("\u200b\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\u061c")
    shown.encode()


@given(st.text(), st.integers(1, 50))
def test_a_limit_cuts_the_text(text: str, limit: int) -> None:
    cut = printable(text, limit)
    assert cut == printable(text) if len(text) <= limit else cut.endswith("…")


@given(st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_plain_text_is_left_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\rc\td", r"a\x0ab\x0dc\x09d"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        (os.fsdecode(b"\xff.png"), r"\xff.png"),
        ("\U000e0041", r"\U000e0041"),
        ("Ärger 图 🐦", "Ärger 图 🐦"),
    ],
)
def test_how_it_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_nearest() -> None:
    assert nearest("resume", ["pause", "resum", "stop"], 1) == ["resum"]
    assert nearest("zzz", ["pause"]) == []
