"""The colours of the confusion explorer: right cells and wrong ones, each on its own scale."""

from rich.color import Color
from rich.style import Style

from tui.widgets.look import DARK, FAINT

_SCALES = {
    True: (DARK.right_few, DARK.right_some, DARK.right_most),
    False: (DARK.wrong_few, DARK.wrong_some, DARK.red),
}
_INKS = (DARK.ink, DARK.strong, f"bold {DARK.ground}")
STEPS = len(_INKS)
HERE = Color.parse(DARK.blue)

_GROUND = Color.parse(DARK.raised)
_STYLES = {
    right: [Style.parse(f"{ink} on {colour}") for ink, colour in zip(_INKS, scale, strict=True)]
    for right, scale in _SCALES.items()
}
_COLOURS = {right: [Color.parse(colour) for colour in scale] for right, scale in _SCALES.items()}


def step_of(value: float, largest: float) -> int | None:
    """Return 0 to ``STEPS`` - 1: how much a cell's value is of the largest; None of an empty cell."""
    if value <= 0 or largest <= 0:
        return None
    return min(STEPS - 1, int(value * STEPS / largest))


def cell_style(step: int | None, *, right: bool) -> Style:
    return FAINT if step is None else _STYLES[right][step]


def colour(step: int | None, *, right: bool) -> Color:
    return _GROUND if step is None else _COLOURS[right][step]
