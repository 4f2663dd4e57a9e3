"""A short list of choices: each by its own key, or by arrows and Enter."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.message import Message

from tui.widgets.lines import Lines
from tui.widgets.look import KEY, MUTED, PLAIN, STRONG, Glyphs, styled

_AROUND = 8
"""Rows of the terminal that the box around a menu and what stands above and below it may take."""


class Choice(NamedTuple):
    key: str
    label: str
    value: str


class Menu(Lines, can_focus=True):
    """One choice a row, as many as the terminal has room for; the chosen row has a cursor and is shown strong."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        def __init__(self, value: str) -> None:
            super().__init__()
            self.value = value

    def __init__(self, choices: Sequence[Choice], glyphs: Glyphs) -> None:
        super().__init__(id="menu")
        self._glyphs = glyphs
        self._choices = list(choices)
        self._at = self._first = 0

    def offer(self, choices: Sequence[Choice]) -> None:
        """Replace the choices and put the cursor on the first."""
        self._choices, self._at = list(choices), 0
        self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def action_move(self, rows: int) -> None:
        if self._choices:
            self._at = (self._at + rows) % len(self._choices)
            self._draw()

    def action_choose(self) -> None:
        if self._choices:
            self.post_message(self.Chosen(self._choices[self._at].value))

    def on_click(self, event: Click) -> None:
        if self._first + event.y < len(self._choices):
            self._at = self._first + event.y
            self.action_choose()

    def _draw(self) -> None:
        room = max(3, min(len(self._choices), self.app.size.height - _AROUND))
        self._first = max(self._at - room + 1, min(self._first, self._at))
        self.styles.height = room
        widest = max((len(choice.key) for choice in self._choices), default=0)
        rows = []
        shown = list(enumerate(self._choices))[self._first : self._first + room]
        for number, choice in shown:
            here = number == self._at
            row = styled(f"{self._glyphs.cursor} " if here else "  ", KEY)
            row.append(choice.key.ljust(widest), KEY)
            rows.append(row.append(f"  {choice.label}", STRONG if here else PLAIN))
        self.show(rows or [styled("nothing here has that in its name", MUTED)])
