"""A list with a cursor, of which only the rows on screen are made: the base of the lists of runs, models, a form."""

from abc import abstractmethod
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message

from tui.widgets.lines import Lines
from tui.widgets.look import Glyphs

MOVES: list[BindingType] = [
    Binding("up,k", "move(-1)", show=False),
    Binding("down,j", "move(1)", show=False),
    Binding("pageup", "page(-1)", show=False),
    Binding("pagedown", "page(1)", show=False),
    Binding("home,g", "move(-1000000)", show=False),
    Binding("end,G", "move(1000000)", show=False),
]


class CursorList(Lines, can_focus=True):
    """Subclasses hold the items: ``count`` of them, each drawn by ``draw_row``; ``head`` is a row above them."""

    BINDINGS: ClassVar[list[BindingType]] = [*MOVES, Binding("enter", "choose", show=False)]

    class Moved(Message):
        """The cursor is on another item, or its item has changed."""

        def __init__(self, of: "CursorList") -> None:
            super().__init__()
            self.of = of

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, CursorList.Moved) and message.of is self.of

    class Chosen(Message):
        """Enter, or a click on the item that has the cursor."""

        def __init__(self, of: "CursorList") -> None:
            super().__init__()
            self.of = of

    def __init__(self, glyphs: Glyphs, *, id: str) -> None:
        super().__init__(id=id, classes="panel")
        self.glyphs = glyphs
        self.at = 0
        self._top = 0

    @property
    @abstractmethod
    def count(self) -> int:
        """How many items there are."""

    @abstractmethod
    def draw_row(self, number: int, here: bool, width: int) -> Text:
        """Return an item's row of at most ``width`` cells; ``here``: it has the cursor."""

    def head(self, width: int) -> Text | None:
        """Return the row above the items, if any."""
        return None

    def takes_cursor(self, number: int) -> bool:
        """Say whether an item can have the cursor: a heading can't."""
        return True

    def go_to(self, number: int) -> None:
        """Put the cursor on an item, or on the next that takes it."""
        if not self.count:
            return
        wanted = min(self.count - 1, max(0, number))
        step = 1 if wanted >= self.at else -1
        for at in (*range(wanted, -1 if step < 0 else self.count, step), *range(self.count)):
            if self.takes_cursor(at):
                self.at = at
                break
        self.redraw()

    def redraw(self) -> None:
        """Draw the rows that are on screen."""
        width, height = self.size
        if not width or not height:
            return
        head = self.head(width)
        seen = max(1, height - (head is not None))
        self.at = min(self.at, max(0, self.count - 1))
        # A heading above the cursor comes into sight with it.
        first = self.at - 1 if self.at and not self.takes_cursor(self.at - 1) else self.at
        self._top = max(min(self._top, first, self.count - seen), self.at - seen + 1, 0)
        shown = range(self._top, min(self.count, self._top + seen))
        rows = [self.draw_row(number, number == self.at, width) for number in shown]
        self.show([head, *rows] if head is not None else rows)
        self.post_message(self.Moved(self))

    def on_resize(self, _event: Resize) -> None:
        self.redraw()

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        self.action_move(-3)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        self.action_move(3)

    def on_click(self, event: Click) -> None:
        content = event.get_content_offset(self)
        if content is None:
            return
        number = self._top + content.y - (self.head(self.size.width) is not None)
        if not 0 <= number < self.count or not self.takes_cursor(number):
            return
        if number == self.at:
            self.action_choose()
        self.go_to(number)

    def action_move(self, rows: int) -> None:
        self.go_to(self.at + rows)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 2))

    def action_choose(self) -> None:
        if self.count:
            self.post_message(self.Chosen(self))
