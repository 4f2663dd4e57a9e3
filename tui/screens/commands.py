"""The command palette: every action that can be done now, found by typing."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key as KeyEvent

from tui.screens.box import Box, TextBlock
from tui.widgets.keys import Key
from tui.widgets.look import KEY, MUTED, STRONG, Glyphs, styled
from tui.widgets.menu import Choice, Menu

_LONG = {
    "pause": "pause the training, or go on",
    "checkpoint": "save a checkpoint now",
    "predict": "export the test-set prediction",
    "resume": "resume the run from its last checkpoint",
    "outliers": "outliers: the images left out",
    "steer": "steer: change settings, roll back, end the epoch",
    "log": "show or hide the log",
    "back": "go back to the list of runs",
    "help": "help: all the keys",
    "quit_menu": "quit: detach or stop",
    "open": "open the run under the cursor",
    "leave": "leave vrdl-tui",
}


class CommandsScreen(Box[str]):
    """Gives back the action chosen, or nothing."""

    title_text = "commands"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+p,ctrl+c,ctrl+q", "close", show=False),
        Binding("backspace", "erase", show=False),
    ]

    def __init__(self, offered: list[Key], alive: bool, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._all = [Choice(key.key, _LONG[key.action], key.action) for key in offered if key.action in _LONG]
        if alive:
            self._all[-1:-1] = [
                Choice("q s", "stop now, with a checkpoint", "stop(False)"),
                Choice("q e", "stop after this epoch", "stop(True)"),
            ]
        self._typed = ""

    def content(self) -> ComposeResult:
        yield TextBlock(self._prompt(), id="above")
        yield Menu(self._all, self.glyphs)
        yield TextBlock(
            [Text(), styled("type to find, arrows and Enter to do, esc to leave", MUTED)], id="below"
        )

    def _prompt(self) -> list[Text]:
        typed = styled("> ", KEY).append(self.glyphs.clean(self._typed), STRONG)
        return [typed.append("_", MUTED), Text()]

    def on_key(self, event: KeyEvent) -> None:
        if event.character is not None and event.is_printable:
            event.stop()
            self._type(self._typed + event.character)

    def action_erase(self) -> None:
        self._type(self._typed[:-1])

    def _type(self, typed: str) -> None:
        self._typed = typed[:40]
        words = self._typed.lower().split()
        self.query_one("#above", TextBlock).say(self._prompt())
        self.query_one(Menu).offer(
            [one for one in self._all if all(word in one.label.lower() for word in words)]
        )

    def on_menu_chosen(self, message: Menu.Chosen) -> None:
        self.dismiss(message.value)

    def action_close(self) -> None:
        self.dismiss("")
