"""Rows of which a screen holds a part: keys and mouse move it."""

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import MouseScrollDown, MouseScrollUp, Resize

from tui.widgets.edge import edge_says
from tui.widgets.lines import Lines
from tui.widgets.look import MUTED, styled


class Scrolling(Lines, can_focus=True):
    """Subclasses lay out their rows for a width (``lay``) and draw those on screen (``drawn``)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_by(-1)", show=False),
        Binding("down,j", "scroll_by(1)", show=False),
        Binding("pageup", "scroll_page(-1)", show=False),
        Binding("pagedown,space", "scroll_page(1)", show=False),
        Binding("home,g", "scroll_by(-1000000)", show=False),
        Binding("end,G", "scroll_by(1000000)", show=False),
    ]
    follows_end: ClassVar[bool] = False
    """Whether the newest row stays on screen until one scrolls back."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="panel")
        self._count = 0
        self._top = 0
        self._at_end = self.follows_end

    def lay(self, width: int) -> int:
        """Lay the rows out for ``width`` cells, and return how many there are."""
        raise NotImplementedError

    def drawn(self, start: int, end: int) -> list[Text]:
        """Return the laid out rows from ``start`` to before ``end``."""
        raise NotImplementedError

    def nothing(self) -> str:
        """Say why there are no rows."""
        raise NotImplementedError

    @property
    def seen(self) -> int:
        """How many rows the screen holds."""
        return self.size.height

    def relay(self) -> None:
        """Lay the rows out anew, and draw: they have changed."""
        if self.size.width:
            self._count = self.lay(self.size.width)
            self.draw()

    def draw(self) -> None:
        most = self._most()
        self._top = most if self._at_end else min(self._top, most)
        end = min(self._count, self._top + self.seen)
        self.show(self.drawn(self._top, end) if self._count else [styled(self.nothing(), MUTED)])
        below = f", {self._count - end:,} below" if end < self._count and self.follows_end else ""
        subtitle = f"{self._top + 1:,}-{end:,} of {self._count:,}{below}" if most else ""
        edge_says(self, subtitle=subtitle)

    def show_row(self, number: int) -> None:
        """Have a row on screen, in its middle where it was not there."""
        if not self._top <= number < self._top + self.seen:
            self._go(number - self.seen // 2)

    def on_resize(self, _event: Resize) -> None:
        self.relay()

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        self.action_scroll_by(-3)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        self.action_scroll_by(3)

    def action_scroll_by(self, rows: int) -> None:
        self._go(self._top + rows)

    def action_scroll_page(self, pages: int) -> None:
        self._go(self._top + pages * max(1, self.seen - 1))

    def _go(self, top: int) -> None:
        most = self._most()
        self._top = min(most, max(0, top))
        self._at_end = self.follows_end and self._top == most
        self.draw()

    def _most(self) -> int:
        return max(0, self._count - self.seen)
