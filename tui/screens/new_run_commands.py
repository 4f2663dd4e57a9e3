"""The command palette of the screens that prepare a run."""

from collections.abc import Sequence

from tui.screens.commands import CommandsScreen
from tui.widgets.keys import Key
from tui.widgets.look import Glyphs
from tui.widgets.menu import Choice


class FormCommandsScreen(CommandsScreen):
    """Offers keys by their own labels, which are what can be typed to find them."""

    def __init__(self, offered: Sequence[Key], glyphs: Glyphs) -> None:
        super().__init__([], False, glyphs)
        self._all[:0] = [Choice(key.key, key.label, key.action) for key in offered]
