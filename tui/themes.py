"""The themes: dark, light, high contrast, and one whose colours the colour-blind tell apart.

Widgets write their styles in the dark palette (``tui.widgets.look``); a row takes the colours of the app's theme as
it goes to the screen. So a change of theme makes no widget draw its rows anew.
"""

from dataclasses import asdict
from functools import cache, lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.theme import Theme

from tui.widgets.look import DARK, Palette

PALETTES: dict[str, Palette] = {
    "dark": DARK,
    "light": Palette(
        ground="#ffffff", raised="#e9edf2", edge="#9aa4af", ink="#1f2328", strong="#000000", muted="#57606a",
        faint="#6b737c", green="#1a7f37", blue="#0550ae", yellow="#7d4e00", purple="#7230b8", red="#b81d26",
        right_few="#d9f2df", right_some="#a5dcb4", right_most="#1a7f37", wrong_few="#fbdfdf",
        wrong_some="#f2b3b1",
    ),
    # Every text on its ground at 7:1 or more (WCAG 2.2, level AAA).
    "high-contrast": Palette(
        ground="#000000", raised="#1c1c1c", edge="#ffffff", ink="#ffffff", strong="#ffffff", muted="#e4e4e4",
        faint="#bcbcbc", green="#5fff5f", blue="#5fd7ff", yellow="#ffff00", purple="#ffa0ff", red="#ff9080",
        right_few="#003800", right_some="#005f00", right_most="#5fff5f", wrong_few="#4a0000",
        wrong_some="#870000",
    ),
    # The colours of Okabe and Ito, "Color Universal Design" (2008); the matrix goes from blue to vermilion.
    "colour-blind": Palette(
        ground="#0f1319", raised="#1b212b", edge="#56606f", ink="#dfe5ee", strong="#ffffff", muted="#98a2b3",
        faint="#6e7787", green="#009e73", blue="#56b4e9", yellow="#f0e442", purple="#cc79a7", red="#d55e00",
        right_few="#0b2b40", right_some="#0072b2", right_most="#56b4e9", wrong_few="#3b2608",
        wrong_some="#7d4700",
    ),
}  # fmt: skip


@cache
def textual_theme(name: str) -> Theme:
    """Return the theme for Textual, with ``$edge`` and ``$label`` for borders and their titles."""
    palette = PALETTES[name]
    return Theme(
        name=name,
        dark=name != "light",
        primary=palette.blue,
        secondary=palette.purple,
        accent=palette.green,
        success=palette.green,
        warning=palette.yellow,
        error=palette.red,
        foreground=palette.ink,
        background=palette.ground,
        surface=palette.ground,
        panel=palette.raised,
        boost=palette.raised,
        variables={"edge": palette.edge, "label": palette.muted},
    )


def in_theme(strip: Strip, name: str) -> Strip:
    """Return a row that is written in the dark palette in the colours of the theme."""
    if name == "dark" or name not in PALETTES:
        return strip
    return Strip(
        [Segment(text, style and _recolour(style, name), control) for text, style, control in strip],
        strip.cell_length,
    )


@lru_cache(4096)
def _recolour(style: Style, name: str) -> Style:
    colours = _translation(name)
    ink, ground = (
        colours.get(colour, colour) if colour is not None else None for colour in (style.color, style.bgcolor)
    )
    return (
        style if (ink, ground) == (style.color, style.bgcolor) else style + Style(color=ink, bgcolor=ground)
    )


@cache
def _translation(name: str) -> dict[Color, Color]:
    return {
        Color.parse(dark): Color.parse(other)
        for dark, other in zip(asdict(DARK).values(), asdict(PALETTES[name]).values(), strict=True)
    }
