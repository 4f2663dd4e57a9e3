"""The bottom row: the keys that do something here and now."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text
from textual.events import Click, Resize
from textual.message import Message

from tui.widgets.lines import Lines
from tui.widgets.look import KEY, MUTED


class Key(NamedTuple):
    """``action`` is what a click on it runs."""

    key: str
    label: str
    action: str


_KEPT = ("help", "quit_menu", "back", "commands")


class Keys(Lines):
    """Keys with their words, left to right, most wanted first.

    On a narrow terminal the least wanted go, but never the ways out and to the list of all keys.
    """

    class Pressed(Message):
        """A key was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str = "keys") -> None:
        super().__init__(id=id)
        self._keys: list[Key] = []
        self._shown: list[Key] = []
        self._ends: list[int] = []

    def offer(self, keys: Sequence[Key]) -> None:
        if list(keys) != self._keys:
            self._keys = list(keys)
            self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        if not self.size.width:
            return
        self._shown = list(self._keys)
        while True:
            for gap in (3, 2, 1):
                row, self._ends = _row(self._shown, gap)
                if row.cell_len <= self.size.width:
                    self.show([row])
                    return
            spare = [key for key in self._shown if key.action not in _KEPT]
            if not spare:
                self.show([row])
                return
            self._shown.remove(spare[-1])

    def on_click(self, event: Click) -> None:
        for key, end in zip(self._shown, self._ends, strict=True):
            if event.x < end:
                self.post_message(self.Pressed(key.action))
                return


def _row(keys: Sequence[Key], gap: int) -> tuple[Text, list[int]]:
    row, ends = Text(" "), []
    for key in keys:
        row.append(key.key, KEY).append(f" {key.label}", MUTED)
        ends.append(row.cell_len)
        row.append(" " * gap)
    row.rstrip()
    return row, ends
