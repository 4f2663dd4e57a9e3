"""The small pure parts: merging, staircases, wrapping, changed spans, numbers in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui.widgets import wording
from tui.widgets.heatmap import merge, worst
from tui.widgets.lines import changed_span
from tui.widgets.look import ASCII, UNICODE
from tui.widgets.staircase import staircase
from tui.widgets.wrapping import wrap

cells = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19), st.integers(1, 50)), max_size=60)


@given(cells, st.integers(1, 25))
def test_merging_loses_no_image(matrix: list[tuple[int, int, int]], most: int) -> None:
    blocks = merge(matrix, 20, most)
    assert len(blocks.counts) <= most
    assert sum(map(sum, blocks.counts)) == sum(images for _, _, images in matrix)


def test_the_worst_confusions_come_first_and_hits_never() -> None:
    assert worst([(0, 0, 99), (0, 1, 2), (2, 1, 7), (1, 0, 2)], 2) == [(2, 1, 7), (0, 1, 2)]


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=300), st.integers(1, 90), st.integers(1, 20), st.booleans()
)
def test_a_staircase_fills_its_box(values: list[float], width: int, height: int, plain: bool) -> None:
    rows = staircase(values, width, height, ASCII if plain else UNICODE)
    assert [len(row) for row in rows] == [width] * height
    assert all(any(row[column] != " " for row in rows) for column in range(width))


def test_each_decay_is_a_step_of_its_own() -> None:
    assert staircase([1.0] * 3 + [0.5] * 3, 6, 3, UNICODE) == ["───╮  ", "   │  ", "   ╰──"]


@given(st.text(max_size=200), st.integers(4, 60))
def test_wrapping_keeps_every_letter_and_the_width(text: str, width: int) -> None:
    safe = UNICODE.clean(text)
    pieces = wrap(safe, width)
    assert "".join(pieces).replace(" ", "") == safe.replace(" ", "")
    assert all(cell_len(piece) <= width for piece in pieces)


@given(st.text(max_size=60), st.integers(0, 30), st.booleans())
def test_fitting_gives_the_width_asked_for(text: str, width: int, plain: bool) -> None:
    glyphs = ASCII if plain else UNICODE
    safe = glyphs.clean(text)
    assert cell_len(glyphs.fit(safe, width)) == width
    assert cell_len(glyphs.cut(safe, width)) <= width
    assert cell_len(glyphs.cut_start(safe, width)) <= max(width, 0)


@given(st.text("ab日", max_size=40), st.text("ab日", max_size=40))
def test_the_changed_span_holds_every_change(old: str, new: str) -> None:
    span = changed_span([Segment(old)], [Segment(new)])
    assert (span is None) == (old == new)
    covered = set(range(*span)) if span else set()
    before, after = [c for c in old for _ in range(cell_len(c))], [c for c in new for _ in range(cell_len(c))]
    longest = max(len(before), len(after))
    before += [""] * (longest - len(before))
    after += [""] * (longest - len(after))
    assert {x for x in range(longest) if before[x] != after[x]} <= covered


def test_a_changed_colour_is_a_change() -> None:
    bold = [Segment("a"), Segment("b", Style(bold=True)), Segment("c")]
    assert changed_span([Segment("abc")], bold) == (1, 2)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7, "0:07"), (760, "12:40"), (3731, "1:02:11"), (-3, "0:00"), (273_600, "3 d 04:00")],
)
def test_durations(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


def test_learning_rates_are_printed_as_the_log_does() -> None:
    assert wording.learning_rate(1.944e-05) == "0.000019440"
    assert wording.learning_rate(3.1e-9) == "3.100e-09"


def test_ascii_has_no_other_character() -> None:
    shapes = [getattr(ASCII, name) for name in ASCII.__slots__ if name != "ascii"]
    assert all(shape.isascii() for shape in shapes)
    assert ASCII.clean("日本\x1b[31m") == "\\u65e5\\u672c\\x1b[31m"
