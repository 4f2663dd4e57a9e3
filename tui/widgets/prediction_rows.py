"""A list of any length with a cursor: only the rows that are on screen are made."""

from collections.abc import Callable

from rich.text import Text
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message

from tui.widgets.edge import edge_says
from tui.widgets.lines import Lines
from tui.widgets.look import KEY, MUTED, Glyphs, styled
from tui.widgets.wrapping import wrap

Draw = Callable[[int, bool, int], Text]
"""Makes a row from its number, whether the cursor is on it, and the cells that it may take."""


class Rows(Lines):
    """``Moved`` and ``Opened`` tell of the cursor; a click on the row under it opens that."""

    class Moved(Message):
        """The cursor is on another row, by hand."""

        def __init__(self, rows: "Rows") -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> "Rows":
            return self.rows

    class Opened(Moved):
        """The row under the cursor was asked for."""

    def __init__(self, glyphs: Glyphs, *, id: str) -> None:
        super().__init__(id=id, classes="panel")
        self._glyphs = glyphs
        self._count = 0
        self._draw_row: Draw = lambda _number, _here, _width: Text()
        self._empty = ""
        self._head = ""
        self.at = 0
        """The row under the cursor; 0 in an empty list."""
        self.active = True
        """Whether the arrows move this cursor."""
        self._top = 0

    @property
    def count(self) -> int:
        return self._count

    def tell(self, count: int, draw: Draw, *, at: int = 0, head: str = "", empty: str = "") -> None:
        """Show ``count`` rows below a ``head`` (none where it is empty), or the sentence ``empty`` for no row."""
        self._count, self._draw_row, self._head, self._empty = count, draw, head, empty
        self.at = min(max(0, at), max(0, count - 1))
        self.redraw()

    def move(self, rows: int) -> None:
        if self._count:
            self.go_to(min(self._count - 1, max(0, self.at + rows)))

    def page(self, pages: int) -> None:
        self.move(pages * max(1, self._seen() - 1))

    def go_to(self, number: int) -> None:
        if 0 <= number < self._count:
            self.at = number
            self.redraw()
            self.post_message(self.Moved(self))

    def open(self) -> None:
        if self._count:
            self.post_message(self.Opened(self))

    def on_resize(self, _event: Resize) -> None:
        self.redraw()

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        self.move(-3)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        self.move(3)

    def on_click(self, event: Click) -> None:
        content = event.get_content_offset(self)
        clicked = self._top + content.y - bool(self._head) if content is not None else -1
        if clicked < self._top or clicked >= self._count:
            return
        if clicked == self.at:
            self.open()
        else:
            self.go_to(clicked)

    def _seen(self) -> int:
        return max(0, self.size.height - bool(self._head))

    def redraw(self) -> None:
        """Make the rows anew: what they show has changed, or the size."""
        width, seen = self.size.width, self._seen()
        if not width or not seen:
            return
        subtitle = f"{self.at + 1:,} of {self._count:,}" if self._count else ""
        edge_says(self, subtitle=subtitle)
        if not self._count:
            self.show([styled(piece, MUTED) for piece in wrap(self._empty, width)])
            return
        self._top = max(min(self._top, self.at, self._count - seen), self.at - seen + 1, 0)
        rows = [styled(self._glyphs.cut(self._head, width), MUTED)] if self._head else []
        for number in range(self._top, min(self._count, self._top + seen)):
            here = number == self.at
            mark = f"{self._glyphs.cursor} " if here and self.active else "  "
            rows.append(styled(mark, KEY).append(self._draw_row(number, here, width - 2)))
        self.show(rows)
