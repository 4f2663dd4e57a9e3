"""A grid of cells to draw curves on: dots of Braille, or one character a cell where there is ASCII only."""

from rich.style import Style
from rich.text import Text

from tui.widgets.look import Glyphs

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a Braille cell, by row and column (Unicode, block U+2800)."""
_BRAILLE = 0x2800


class Canvas:
    """``width`` x ``height`` cells of ``across`` x ``down`` dots each; what is drawn later lies over what was."""

    def __init__(self, width: int, height: int, glyphs: Glyphs) -> None:
        self.width, self.height = width, height
        self.across, self.down = (1, 1) if glyphs.ascii else (2, 4)
        self._star = glyphs.val
        self._bits = [[0] * width for _ in range(height)]
        self._texts: list[list[str]] = [[""] * width for _ in range(height)]
        self._styles: list[list[Style | None]] = [[None] * width for _ in range(height)]

    @property
    def columns(self) -> int:
        """How many dots lie side by side."""
        return self.width * self.across

    @property
    def levels(self) -> int:
        """How many dots lie one above the other."""
        return self.height * self.down

    def dot(self, x: int, level: int, style: Style) -> None:
        """Set the dot in column ``x`` from the left and ``level`` from the bottom, both from 0."""
        self.stroke(x, level, level, style)

    def stroke(self, x: int, low: int, high: int, style: Style) -> None:
        """Set the dots of column ``x`` from level ``low`` to ``high``, as far as they are on the canvas."""
        if not 0 <= x < self.columns:
            return
        down, top = self.down, self.levels - 1
        column, side = divmod(x, self.across)
        for y in range(top - min(high, top), top - max(low, 0) + 1):
            row = y // down
            self._bits[row][column] |= _DOTS[y % down][side]
            self._texts[row][column] = ""
            self._styles[row][column] = style

    def line(self, start: tuple[int, int], end: tuple[int, int], style: Style) -> None:
        """Join two dots, each (column, level) with ``start`` to the left, by a line without gaps."""
        (x0, level0), (x1, level1) = start, end
        if x1 <= x0:
            self.stroke(x0, min(level0, level1), max(level0, level1), style)
            return
        before = level0
        for step in range(1, x1 - x0 + 1):
            level = level0 + round((level1 - level0) * step / (x1 - x0))
            # Where it is steep each of two columns takes its half of the rise.
            half = (before + level) // 2
            if level >= before:
                self.stroke(x0 + step - 1, before, half, style)
                self.stroke(x0 + step, min(half + 1, level), level, style)
            else:
                self.stroke(x0 + step - 1, half + 1, before, style)
                self.stroke(x0 + step, level, max(half, level), style)
            before = level

    def put(self, column: int, row: int, text: str, style: Style) -> None:
        """Have a cell, counted from the top left, show one character instead of dots."""
        if 0 <= column < self.width and 0 <= row < self.height:
            self._texts[row][column] = text
            self._bits[row][column] = 0
            self._styles[row][column] = style

    def upright(self, column: int, text: str, style: Style) -> None:
        """Draw a vertical line through the cells of a column that are empty."""
        for row in range(self.height):
            if 0 <= column < self.width and not self._texts[row][column] and not self._bits[row][column]:
                self.put(column, row, text, style)

    def rows(self) -> list[Text]:
        return [self._row(number) for number in range(self.height)]

    def _row(self, number: int) -> Text:
        row = Text()
        run, style = "", None
        for bits, text, own in zip(
            self._bits[number], self._texts[number], self._styles[number], strict=True
        ):
            if own is not style:
                row.append(run, style)
                run, style = "", own
            run += text or (" " if not bits else self._star if self.down == 1 else chr(_BRAILLE + bits))
        return row.append(run, style)
