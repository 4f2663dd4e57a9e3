"""A short history in one row: the higher the sign, the greater the value."""

from collections.abc import Sequence

from tui.widgets.look import Glyphs

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"


def spark(values: Sequence[float | None], low: float, high: float, width: int, glyphs: Glyphs) -> str:
    """Draw the newest ``width`` values, the newest last, on a scale from ``low`` to ``high``; None is a gap."""
    signs = _ASCII if glyphs.ascii else _BLOCKS
    span = high - low
    shown = []
    for value in list(values)[-width:] if width > 0 else []:
        share = 0.0 if value is None or span <= 0 else min(1.0, max(0.0, (value - low) / span))
        shown.append(" " if value is None else signs[min(len(signs) - 1, int(share * len(signs)))])
    return "".join(shown).rjust(max(0, width))
