"""The row under the progress: what is going on, or the answer to the key just pressed."""

from rich.style import Style
from textual.events import Resize

from tui.widgets.lines import Lines
from tui.widgets.look import styled
from tui.widgets.wrapping import wrap

_MOST = 5


class Notice(Lines):
    """One sentence, wrapped; takes as many rows as it needs, up to five."""

    def __init__(self) -> None:
        super().__init__(id="notice")
        self._text = ""
        self._style = Style.null()

    @property
    def text(self) -> str:
        return self._text

    def say(self, text: str, style: Style) -> None:
        if (text, style) != (self._text, self._style):
            self._text, self._style = text, style
            self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        if not self.size.width:
            return
        pieces = wrap(self._text, self.size.width)[:_MOST]
        if self.styles.height is None or self.styles.height.value != len(pieces):
            self.styles.height = len(pieces)
        self.show([styled(piece, self._style) for piece in pieces])
