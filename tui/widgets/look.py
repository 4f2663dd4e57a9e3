"""Colours and glyphs: the one palette of every screen, and the plain-ASCII stand-ins of its shapes."""

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from engine.core.text import printable


def styled(text: str, style: Style) -> Text:
    """Return text of one style that what is appended to it does not inherit."""
    return Text().append(text, style)


@dataclass(frozen=True, slots=True)
class Palette:
    """A theme's colours, as ``#rrggbb``. Text is ``ink`` on ``ground``; a bright cell's or badge's is ``ground``."""

    ground: str
    raised: str
    edge: str
    ink: str
    strong: str
    muted: str
    faint: str
    green: str
    blue: str
    yellow: str
    purple: str
    red: str
    right_few: str
    """Grounds of the confusion matrix's diagonal, then those of its other cells: ``red`` has the most."""
    right_some: str
    right_most: str
    wrong_few: str
    wrong_some: str


# Every style of this program is written in these; ``tui.themes`` has them in another theme's colours.
DARK = Palette(
    ground="#0f1319", raised="#1b212b", edge="#56606f", ink="#dfe5ee", strong="#ffffff", muted="#98a2b3",
    faint="#6e7787", green="#7ee787", blue="#6cb6ff", yellow="#f2cc60", purple="#c297ff", red="#ff7b72",
    right_few="#12321f", right_some="#1c5a31", right_most="#3fb960", wrong_few="#3a1f22", wrong_some="#7d2f33",
)  # fmt: skip

PLAIN = Style.parse(DARK.ink)
STRONG = Style.parse(f"bold {DARK.strong}")
# 16 colours hold one readable grey above black: labels take it, and nothing is dimmer than they are.
MUTED = Style.parse(DARK.muted)
FAINT = Style.parse(DARK.faint)
VAL = Style.parse(f"bold {DARK.green}")
TRAIN = Style.parse(DARK.blue)
BEST = Style.parse(f"bold {DARK.yellow}")
RATE = Style.parse(f"bold {DARK.purple}")
WARN = Style.parse(DARK.yellow)
BAD = Style.parse(f"bold {DARK.red}")
GOOD = Style.parse(DARK.green)
KEY = Style.parse(f"bold {DARK.blue}")


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
        start, used = len(text), 0
        while start and (used := used + cell_len(text[start - 1])) <= kept:
            start -= 1
        return self.ellipsis[: max(0, width)] + text[start:]


UNICODE = Glyphs(
    ascii=False, full="━", empty="─", best="◆", val="━", train="•", arrow="→", times="×", dot="·",
    ellipsis="…", dash="–", shades=" ░▒▓█", cursor="▶", stair="─╮│╰╯╭",
)  # fmt: skip
ASCII = Glyphs(
    ascii=True, full="#", empty="-", best="@", val="*", train=".", arrow="->", times="x", dot="-",
    ellipsis="..", dash="-", shades=" .:*#", cursor=">", stair="-+|+++",
)  # fmt: skip
