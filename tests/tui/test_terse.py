"""The terminal shows the same from fewer bytes: a real terminal emulator judges."""

from io import StringIO

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.terse import Terse

COLUMNS, ROWS = 40, 6

colours = st.one_of(
    st.none(), st.sampled_from(["red", "bright_blue", "color(200)", "#0f1319", "#98a2b3"]).map(Color.parse)
)
styles = st.builds(
    Style, color=colours, bgcolor=colours, bold=st.booleans(), italic=st.booleans(), underline=st.booleans(),
    reverse=st.booleans(), strike=st.booleans(),
)  # fmt: skip
pieces = st.one_of(
    st.tuples(st.text("ab │⠉", max_size=6), styles).map(lambda piece: _styled(*piece)),
    st.tuples(st.integers(1, ROWS), st.integers(1, COLUMNS)).map(lambda at: f"\x1b[{at[0]};{at[1]}H"),
    st.sampled_from(
        ["\r\n", "\x1b[0m", "\x1b[m", "\x1b[2J", "\x1b[K", "\x1b[31m", "\x1b[1;22;4:3m", "\x1b[27m"]
    ),
    st.sampled_from(["\x1b[38m", "\x1b[38;5m", "\x1b[48;2;1;2mx", "\x1b[39;49mz", "\x1b[103;90my"]),
)


def _styled(text: str, style: Style) -> str:
    console = Console(file=StringIO(), force_terminal=True, color_system="truecolor")
    return Strip([Segment(text, style)]).render(console)


def shown(stream: str) -> list[list[object]]:
    """Return the cells; of a blank one only what can be seen."""
    screen = pyte.Screen(COLUMNS, ROWS)
    pyte.Stream(screen).feed(stream)
    return [[_seen(screen.buffer[y][x]) for x in range(COLUMNS)] for y in range(ROWS)]


def _seen(cell: pyte.screens.Char) -> object:
    if cell.data == " " and not (cell.underscore or cell.strikethrough or cell.reverse):
        return cell.bg
    return cell


@given(st.lists(st.lists(pieces, max_size=8).map("".join), max_size=4))
def test_the_screen_is_the_same(writes: list[str]) -> None:
    terse = Terse()
    assert shown("".join(terse(written) for written in writes)) == shown("".join(writes))


def test_repeated_colours_cost_nothing() -> None:
    style = Style(color="#98a2b3", bgcolor="#0f1319")
    row = "".join(_styled(text, style) for text in "abc")
    assert Terse()(row) == "\x1b[0m\x1b[38;2;152;162;179;48;2;15;19;25mabc"


def test_blanks_need_no_ink() -> None:
    ground = Color.parse("#0f1319")
    row = _styled("a", Style(color="red", bgcolor=ground)) + _styled(
        "   ", Style(color="blue", bgcolor=ground)
    )
    assert Terse()(row).endswith("a   ")
