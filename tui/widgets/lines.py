"""A block of text rows that repaints only the cells that changed."""

from collections.abc import Sequence
from itertools import zip_longest

from rich.segment import Segment
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip

from tui.themes import in_theme
from tui.widgets.plain_titles import PlainTitles

_BLANK = Strip([])


class Lines(PlainTitles):
    """Rows of styled text, top down. What does not fit is not drawn: callers shape rows to ``size``."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._strips: list[Strip] = []

    def show(self, rows: Sequence[Text]) -> None:
        """Replace the rows."""
        console = self.app.console
        strips = [Strip(list(row.render(console))) for row in rows]
        regions = []
        for y, (old, new) in enumerate(zip_longest(self._strips, strips, fillvalue=_BLANK)):
            # One for a row: Textual writes a widget's row from its left end up to a region's, each time anew.
            if old != new and (span := changed_span(list(old), list(new))):
                regions.append(Region(span[0], y, span[1] - span[0], 1))
        self._strips = strips
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        strip = self._strips[y] if y < len(self._strips) else _BLANK
        style = self.rich_style
        # Simplified: each segment costs its colours anew on the wire, also beside one of the same colours.
        return (
            in_theme(strip, self.app.theme)
            .apply_style(style)
            .adjust_cell_length(self.size.width, style)
            .simplify()
        )


def changed_span(old: Sequence[Segment], new: Sequence[Segment]) -> tuple[int, int] | None:
    """Return the [start, end) cells within which two rows differ, None when they look the same."""
    pairs = zip_longest(_cells(old), _cells(new))
    changed = [x for x, (left, right) in enumerate(pairs) if left != right]
    return (changed[0], changed[-1] + 1) if changed else None


def _cells(segments: Sequence[Segment]) -> list[tuple[str, object]]:
    """Return one entry a cell; a wide character's second cell repeats it, so that both change together."""
    cells: list[tuple[str, object]] = []
    for segment in segments:
        if segment.cell_length == len(segment.text):
            cells.extend((character, segment.style) for character in segment.text)
            continue
        for character in segment.text:
            cells.extend([(character, segment.style)] * Segment(character).cell_length)
    return cells
