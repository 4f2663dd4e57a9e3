"""The quit menu of a live run: the run can outlive the console, or be stopped with it."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.box import Box, TextBlock
from tui.widgets.look import MUTED, styled
from tui.widgets.menu import Choice, Menu

_CHOICES = [
    Choice("d", "detach: leave and let it run", "detach"),
    Choice("s", "stop now, with a checkpoint", "stop"),
    Choice("e", "stop after this epoch", "after_epoch"),
    Choice("esc", "stay", ""),
]


class QuitScreen(Box[str]):
    """Gives back "detach", "stop", "after_epoch", or nothing for staying."""

    title_text = "quit"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "choose('detach')", show=False),
        Binding("s", "choose('stop')", show=False),
        Binding("e", "choose('after_epoch')", show=False),
        Binding("escape,q,b", "choose('')", show=False),
        Binding("ctrl+c,ctrl+q", "choose('detach')", show=False),
    ]

    def content(self) -> ComposeResult:
        yield TextBlock([styled("The run is live.", MUTED), Text()], id="above")
        yield Menu(_CHOICES, self.glyphs)
        yield TextBlock([Text(), styled("one key, or arrows and Enter", MUTED)], id="below")

    def on_menu_chosen(self, message: Menu.Chosen) -> None:
        self.dismiss(message.value)

    def action_choose(self, value: str) -> None:
        self.dismiss(value)
