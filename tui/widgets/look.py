"""Colours and glyphs: the one palette of every screen, and the plain-ASCII stand-ins of its shapes."""

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual.theme import Theme

from engine.text import printable


def styled(text: str, style: Style) -> Text:
    """Return text of one style that what is appended to it does not inherit."""
    return Text().append(text, style)


THEME = Theme(
    name="vrdl",
    dark=True,
    primary="#6cb6ff",
    secondary="#c297ff",
    accent="#7ee787",
    success="#7ee787",
    warning="#f2cc60",
    error="#ff7b72",
    foreground="#dfe5ee",
    background="#0f1319",
    surface="#0f1319",
    panel="#1b212b",
    boost="#1b212b",
)

PLAIN = Style.parse("#dfe5ee")
STRONG = Style.parse("bold #ffffff")
# 16 colours hold one readable grey above black: labels take it, and nothing is dimmer than they are.
MUTED = Style.parse("#98a2b3")
FAINT = Style.parse("#6e7787")
VAL = Style.parse("bold #7ee787")
TRAIN = Style.parse("#6cb6ff")
BEST = Style.parse("bold #f2cc60")
RATE = Style.parse("bold #c297ff")
WARN = Style.parse("#f2cc60")
BAD = Style.parse("bold #ff7b72")
GOOD = Style.parse("#7ee787")
KEY = Style.parse("bold #6cb6ff")


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The shapes a screen is drawn with; ``ascii`` ones hold no character above 0x7f."""

    ascii: bool
    full: str
    empty: str
    best: str
    val: str
    train: str
    arrow: str
    times: str
    dot: str
    ellipsis: str
    dash: str
    shades: str
    cursor: str
    stair: str
    """Level, down step: start of the drop, its shaft, its end; up step: start, end."""

    def clean(self, text: str) -> str:
        """Make text from elsewhere safe to show, in ASCII where the terminal has no more."""
        safe = printable(text)
        return safe.encode("ascii", "backslashreplace").decode() if self.ascii else safe

    def fit(self, text: str, width: int) -> str:
        """Return ``text`` padded to ``width`` cells, its end replaced by an ellipsis when it is longer."""
        if cell_len(text) <= width:
            return set_cell_size(text, max(0, width))
        return self.cut(text, width)

    def cut(self, text: str, width: int) -> str:
        """Return ``text`` in at most ``width`` cells, unpadded."""
        if cell_len(text) <= width:
            return text
        kept = width - len(self.ellipsis)
        return set_cell_size(text, kept) + self.ellipsis if kept > 0 else self.ellipsis[: max(0, width)]

    def cut_start(self, text: str, width: int) -> str:
        """Return the end of ``text`` in at most ``width`` cells: of a path, the file's name tells most."""
        if cell_len(text) <= width:
            return text
        kept = width - len(self.ellipsis)
        while text and cell_len(text) > kept:
            text = text[1:]
        return self.ellipsis[: max(0, width)] + text


UNICODE = Glyphs(
    ascii=False, full="━", empty="─", best="◆", val="━", train="•", arrow="→", times="×", dot="·",
    ellipsis="…", dash="–", shades=" ░▒▓█", cursor="▶", stair="─╮│╰╯╭",
)  # fmt: skip
ASCII = Glyphs(
    ascii=True, full="#", empty="-", best="@", val="*", train=".", arrow="->", times="x", dot="-",
    ellipsis="..", dash="-", shades=" .:*#", cursor=">", stair="-+|+++",
)  # fmt: skip
