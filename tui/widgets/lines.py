"""A block of text rows that repaints only the cells that changed."""

from collections.abc import Sequence
from itertools import zip_longest

from rich.segment import Segment
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

_BLANK = Strip([])
# Moving the cursor and setting the colours again costs about this many cells.
_GAP = 10


class Lines(Widget):
    """Rows of styled text, top down. What does not fit is not drawn: callers shape rows to ``size``."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._strips: list[Strip] = []

    def show(self, rows: Sequence[Text]) -> None:
        """Replace the rows."""
        console = self.app.console
        strips = [Strip(list(row.render(console))) for row in rows]
        regions = [
            Region(start, y, end - start, 1)
            for y, (old, new) in enumerate(zip_longest(self._strips, strips, fillvalue=_BLANK))
            if old != new
            for start, end in changed_spans(list(old), list(new))
        ]
        self._strips = strips
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        strip = self._strips[y] if y < len(self._strips) else _BLANK
        style = self.rich_style
        # Simplified: each segment costs its colours anew on the wire, also beside one of the same colours.
        return strip.apply_style(style).adjust_cell_length(self.size.width, style).simplify()


def changed_spans(old: Sequence[Segment], new: Sequence[Segment]) -> list[tuple[int, int]]:
    """Return the [start, end) cell ranges in which two rows differ, near ones joined."""
    before, after = _cells(old), _cells(new)
    spans: list[tuple[int, int]] = []
    for x, (left, right) in enumerate(zip_longest(before, after)):
        if left == right:
            continue
        if spans and x - spans[-1][1] < _GAP:
            spans[-1] = (spans[-1][0], x + 1)
        else:
            spans.append((x, x + 1))
    return spans


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
