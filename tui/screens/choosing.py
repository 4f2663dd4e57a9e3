"""What was chosen by a click on the bottom row, or from the command palette, is done."""

from textual.dom import DOMNode

from tui.widgets.keys import Keys


class Choosing(DOMNode):
    """The part of a screen that runs its own actions by name."""

    async def _command_chosen(self, action: str | None) -> None:
        if action:
            await self.app.run_action(action, self)

    async def on_keys_pressed(self, message: Keys.Pressed) -> None:
        await self.app.run_action(message.action, self)
