"""Text from elsewhere, made safe to show."""

import json
import os
import shlex
import subprocess
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from wcwidth import wcwidth

from engine.core.text import encodable, nearest, printable, printable_json, shell_word
from tests.made_hostile import PAYLOADS
from tui.widgets.look import ASCII, UNICODE

_ODD = "\x00\t\n\r\x1b\x7f\x9b\xa0\u0301\u034f\u1160\u200b\u200d\u202e\u2066\u3164\ufe0f\U0001f1e9\U0001f3fd\U000e0041"

# Any text, names of any bytes, and what was made to harm, whole and in pieces.
hostile = (
    st.text()
    | st.binary().map(os.fsdecode)
    | st.text(st.sampled_from(_ODD + "a[]\\ 图é"))
    | st.lists(st.sampled_from([*PAYLOADS.values()])).map("".join)
)


@given(hostile)
def test_nothing_that_steers_a_terminal_comes_through(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(character)[0] == "C" for character in shown)
    assert not any(unicodedata.category(character)[0] == "Z" for character in shown.replace(" ", ""))
    assert not set(shown) & set(_ODD) - {"\u0301"}
    shown.encode()


@given(hostile)
def test_made_printable_twice_it_is_the_same(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@given(hostile, hostile)
def test_names_stay_apart(one: str, other: str) -> None:
    """But for one that spells an escape out."""
    if one != other and "\\" not in one + other:
        assert printable(one) != printable(other)
        assert ASCII.clean(one) != ASCII.clean(other)


@given(hostile.filter(bool))
def test_something_is_seen_of_every_name(text: str) -> None:
    assert cell_len(printable(text)) > 0
    assert printable(text).strip() or not text.strip(" ")


@given(hostile)
def test_it_is_as_wide_as_it_is_thought_to_be(text: str) -> None:
    """By the tables of Textual and of a terminal that counts character by character."""
    shown = printable(text)
    assert cell_len(shown) == sum(map(wcwidth, shown))


def test_every_character_is_as_wide_as_it_is_thought_to_be() -> None:
    for code in (*range(0x3400), *range(0xA000, 0xAC00), *range(0xD7A4, 0x20000), *range(0xE0000, 0xE0200)):
        shown = printable(chr(code))
        assert cell_len(shown) == sum(map(wcwidth, shown)), hex(code)


@given(hostile)
def test_ascii_stands_in_for_all_else(text: str) -> None:
    assert ASCII.clean(text).isascii()
    assert ASCII.clean(text).isprintable()
    assert UNICODE.clean(text) == printable(text)


@given(hostile.map(printable), st.integers(0, 40))
def test_a_name_is_fitted(text: str, width: int) -> None:
    for glyphs in (UNICODE, ASCII):
        assert cell_len(glyphs.fit(text, width)) == width
        assert cell_len(glyphs.cut(text, width)) <= width
        end = glyphs.cut_start(text, width)
        assert cell_len(end) <= width
        assert text.endswith(end.removeprefix(glyphs.ellipsis[:width]))


def test_marks_in_a_flood() -> None:
    assert printable("e\u0301" + "\u0302" * 5) == "e\u0301\u0302\u0302\u0302" + r"\u0302\u0302"
    assert printable("\u0301a\u0301") == r"\u0301" + "a\u0301"
    assert printable("\x1b\u0301") == r"\x1b\u0301"
    assert printable("\u1112\u1161\u11ab") == "\u1112\u1161\u11ab"


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        hostile.map(encodable), lambda inner: st.lists(inner) | st.dictionaries(hostile.map(encodable), inner)
    )
)
def test_json_has_the_same_values(value: object) -> None:
    shown = printable_json(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(shown) == value
    assert all(line.isprintable() for line in shown.split("\n"))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(hostile.filter(lambda word: "\0" not in word and "\ud800" not in word), min_size=1, max_size=9)
)
def test_a_shell_takes_a_word_for_what_it_was(words: list[str]) -> None:
    try:
        meant = [os.fsencode(word) for word in words]
    except UnicodeEncodeError:  # no name that a file can have
        return
    line = f"printf '%s\\0' {' '.join(map(shell_word, words))}"
    assert printable(line) == line
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:-1] == meant


def test_a_plain_word_is_quoted_as_ever() -> None:
    for word in ("run", "a b", "it's", "$HOME", "é", ""):
        assert shell_word(word) == shlex.quote(word)


@given(st.text(), st.integers(1, 50))
def test_a_limit_cuts_the_text(text: str, limit: int) -> None:
    cut = printable(text, limit)
    assert cut == printable(text) if len(text) <= limit else cut.endswith("…")


# Hangul's fillers are letters of which nothing is seen, its vowels and finals are joined to what is before them.
_LETTERS = st.characters(categories=["L", "N"]).filter(
    lambda one: (
        unicodedata.name(one, "")[:15] != "HANGUL JUNGSEON"
        and "FILLER" not in unicodedata.name(one, "")
        and wcwidth(one) > 0
    )
)


@given(st.text(_LETTERS, min_size=1))
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
