"""Panel: the keys in which the runs' recipes differ, their values side by side."""

from rich.cells import cell_len
from rich.text import Text
from textual.events import MouseScrollDown, MouseScrollUp, Resize

from engine.analysis.compare import Comparison
from tui.widgets.compare_series import STYLES, colour, mark
from tui.widgets.edge import edge_says
from tui.widgets.lines import Lines
from tui.widgets.look import MUTED, PLAIN, Glyphs, styled
from tui.widgets.wrapping import wrap

_WIDEST = 28


class CompareRecipes(Lines):
    """A key a row, a run a column under its mark; what doesn't fit is reached by scrolling both ways."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="compare-recipes", classes="panel")
        self._glyphs = glyphs
        self._comparison: Comparison | None = None
        self._top = self._left = 0

    def tell(self, comparison: Comparison) -> None:
        self._comparison = comparison
        edge_says(self, title="what their recipes differ in")
        self.styles.height = max(1, len(comparison.differences)) + 3
        self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        self.move(-1, 0)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        self.move(1, 0)

    def move(self, rows: int, columns: int) -> None:
        """Scroll by keys of the recipe, and by runs."""
        self._top, self._left = self._top + rows, self._left + columns
        self._draw()

    def page(self, pages: int) -> None:
        self.move(pages * max(1, self.size.height - 2), 0)

    def _draw(self) -> None:
        width, height = self.size
        if self._comparison is None or not width or height < 2:
            return
        unread = [one.name for one in self._comparison.entrants if not one.recipe]
        notes = [f"the recipe of {name} can't be read" for name in unread]
        found = self._comparison.differences
        if not found:
            said = " and ".join(notes) or "nothing: the recipes are the same, to the last key"
            self.show([styled(piece, MUTED) for piece in wrap(self._glyphs.clean(said), width)][:height])
            return
        self._top = max(0, min(self._top, len(found) - (height - 1)))
        label = max(len(one.key) for one in found)
        columns = [self._column(at) for at in range(len(self._comparison.entrants))]
        widths = [max(map(cell_len, column)) for column in columns]
        self._left = max(0, min(self._left, _last_left(widths, width - label)))
        rows = [styled(" " * label, MUTED)]
        rows += [styled(one.key.ljust(label), MUTED) for one in found[self._top : self._top + height - 1]]
        shown = 0
        for at in range(self._left, len(columns)):
            if rows[0].cell_len + 2 + widths[at] > width and shown:
                break
            shown += 1
            self._put(rows, columns[at], at, min(widths[at], width - rows[0].cell_len - 2))
        self.show(rows)
        edge_says(self, subtitle=self._where(len(found), height - 1, shown, len(columns)))

    def _column(self, at: int) -> list[str]:
        """A run's mark, then its values, the ends of long ones."""
        assert self._comparison is not None
        glyphs = self._glyphs
        values = [
            glyphs.cut_start(glyphs.clean(one.values[at] or "?"), _WIDEST)
            for one in self._comparison.differences
        ]
        return [mark(at, glyphs), *values]

    def _put(self, rows: list[Text], column: list[str], at: int, width: int) -> None:
        rows[0].append("  ").append(self._glyphs.fit(column[0], width), STYLES[colour(at)])
        for row, value in zip(rows[1:], column[1 + self._top :], strict=False):
            row.append("  ").append(self._glyphs.fit(value, width), PLAIN)

    def _where(self, keys: int, seen: int, shown: int, runs: int) -> str:
        said = [f"keys {self._top + 1} to {min(keys, self._top + seen)} of {keys}"] if keys > seen else []
        said += [f"runs {self._left + 1} to {self._left + shown} of {runs}"] if runs > shown else []
        return ", ".join(said)


def _last_left(widths: list[int], room: int) -> int:
    """Return the first column of the last ones that fit together."""
    left = len(widths)
    while left and (room := room - widths[left - 1] - 2) >= 0:
        left -= 1
    return min(left, len(widths) - 1)
