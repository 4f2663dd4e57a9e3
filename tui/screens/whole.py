"""A screen that fills the terminal: nothing is seen through it, and it may be seen beneath a box."""

from typing import TypeVar

from textual.messages import Update
from textual.screen import Screen

R = TypeVar("R")


class Whole(Screen[R]):
    """Textual's, but drawn anew only where something that is seen has changed."""

    def _compositor_refresh(self) -> None:
        # Beneath a box Textual marks what was drawn as to be drawn once more: from then on each change costs all that
        # has changed since the box was opened, and soon that is the whole screen, several times a second.
        if not self.is_current or self.app.screen is self:
            super()._compositor_refresh()
            return
        changed, box = list(self._compositor._dirty_regions), self.app.screen
        self._compositor._dirty_regions.clear()
        self._dirty_widgets.clear()
        if changed:
            # As one more widget that has changed: a box that is refreshed forgets which of its own have.
            box._set_dirty(*changed)
            box.post_message(Update(box))
