"""A bordered panel of the live view: rows made from the run's state when, and only when, they can differ."""

from abc import abstractmethod
from collections.abc import Hashable

from rich.text import Text
from textual.events import Resize

from tui.widgets.lines import Lines
from tui.widgets.view import View


class Panel(Lines):
    """Subclasses name the facts they show (``facts``) and draw them (``rows``)."""

    title = ""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="panel")
        self.border_title = self.title
        self._view: View | None = None
        self._drawn: Hashable = None

    def show_run(self, view: View) -> None:
        self._view = view
        self._redraw()

    def _redraw(self) -> None:
        width, height = self.size
        if self._view is None or not width or not height:
            return
        facts = (width, height, self.facts(self._view))
        if facts != self._drawn:
            self._drawn = facts
            self.show(self.rows(self._view, width, height))

    def on_resize(self, _event: Resize) -> None:
        self._redraw()

    @abstractmethod
    def facts(self, view: View) -> Hashable:
        """Return all that ``rows`` depends on, cheap to make and to compare."""

    @abstractmethod
    def rows(self, view: View, width: int, height: int) -> list[Text]:
        """Draw the state into ``height`` rows of ``width`` cells."""
