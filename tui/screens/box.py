"""A modal box over the screen beneath it: a title, some rows of text, what a subclass puts under them."""

from collections.abc import Iterable
from typing import TypeVar

from rich.console import RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.events import Resize
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen

from tui.widgets.lines import Lines
from tui.widgets.look import Glyphs

R = TypeVar("R")


class TextBlock(Lines):
    """Rows of text, as high as they are many."""

    def __init__(self, rows: list[Text], *, id: str) -> None:
        super().__init__(id=id)
        self._rows = rows
        self.styles.height = len(rows)

    def say(self, rows: list[Text]) -> None:
        self._rows = rows
        self.styles.height = len(rows)
        self.show(rows)

    def on_resize(self, _event: Resize) -> None:
        self.show(self._rows)


class _Dimmed(BackgroundScreen):
    """The screen beneath. Each of its styles is tinted once, not for each piece of text: a tenth of the time."""

    @classmethod
    def process_segments(cls, segments: Iterable[Segment], color: Color) -> Iterable[Segment]:
        tinted: dict[Style | None, Style | None] = {}
        for segment in segments:
            if not segment.control and segment.style not in tinted:
                (one,) = super().process_segments([segment], color)
                tinted[segment.style] = one.style
            yield segment if segment.control else Segment(segment.text, tinted[segment.style])


class Box(ModalScreen[R]):
    """Subclasses yield the box's content from ``content``."""

    CSS_PATH = "../styles/box.tcss"
    title_text = ""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.set_class(glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = self.title_text
            yield from self.content()

    def content(self) -> ComposeResult:
        yield from ()

    def render(self) -> RenderableType:
        drawn = super().render()
        return _Dimmed(drawn.screen, drawn.color) if isinstance(drawn, BackgroundScreen) else drawn
