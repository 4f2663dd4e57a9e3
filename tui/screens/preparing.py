"""What the screens that prepare a run have in common: their help and their command palette."""

from collections.abc import Sequence
from typing import ClassVar

from tui.screens.choosing import Choosing
from tui.widgets.keys import Key
from tui.widgets.look import Glyphs


class Preparing(Choosing):
    """``TOPIC`` names the screen and its table of keys in ``new_run_help``; ``PALETTE`` is what the palette offers."""

    TOPIC: ClassVar[str]
    PALETTE: ClassVar[Sequence[Key]]
    _glyphs: Glyphs

    def action_help(self) -> None:
        from tui.screens.new_run_help import TABLES, KeysHelpScreen

        self.app.push_screen(KeysHelpScreen(f"help: {self.TOPIC}", TABLES[self.TOPIC], self._glyphs))

    def action_commands(self) -> None:
        from tui.screens.new_run_commands import FormCommandsScreen

        self.app.push_screen(FormCommandsScreen(self.PALETTE, self._glyphs), self._command_chosen)
