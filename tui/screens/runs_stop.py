"""The question before runs are stopped."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.box import Box, TextBlock
from tui.widgets.look import MUTED, Glyphs, styled
from tui.widgets.menu import Choice, Menu
from tui.widgets.wrapping import wrap

_CHOICES = [
    Choice("s", "stop now, with a checkpoint", "stop"),
    Choice("e", "stop after this epoch", "after_epoch"),
    Choice("esc", "let it run", ""),
]
_WIDTH = 48


class StopScreen(Box[str]):
    """Gives back "stop", "after_epoch", or nothing."""

    title_text = "stop"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "choose('stop')", show=False),
        Binding("e", "choose('after_epoch')", show=False),
        Binding("escape,q,b,ctrl+c,ctrl+q", "choose('')", show=False),
    ]

    def __init__(self, what: str, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._what = what

    def content(self) -> ComposeResult:
        rows = [styled(row, MUTED) for row in wrap(self._what, _WIDTH)]
        yield TextBlock([*rows, Text()], id="above")
        yield Menu(_CHOICES, self.glyphs)
        yield TextBlock([Text(), styled("one key, or arrows and Enter", MUTED)], id="below")

    def on_menu_chosen(self, message: Menu.Chosen) -> None:
        self.dismiss(message.value)

    def action_choose(self, value: str) -> None:
        self.dismiss(value)
