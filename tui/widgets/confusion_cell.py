"""The images of the matrix's cell: the picture of one, the list of all below it."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from engine.analysis.confusion import in_cell
from engine.analysis.predictions import Judged
from tui.widgets import confusion_words as words
from tui.widgets.edge import edge_says
from tui.widgets.look import Glyphs
from tui.widgets.prediction_picture import OnePicture
from tui.widgets.prediction_rows import Rows


class ConfusionCell(Vertical):
    """The worst come first: wrong ones by how sure the model was, right ones by how unsure."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="pictures")
        self._glyphs = glyphs
        self._images: list[Judged] = []
        self._title = ("", "")
        self._why_none = ""

    def compose(self) -> ComposeResult:
        yield OnePicture(self._glyphs, id="image")
        yield Rows(self._glyphs, id="cell")

    def show(
        self, judged: list[Judged], cell: tuple[str, str], names: tuple[str, str], why_none: str
    ) -> None:
        """Show a cell's images among ``judged``.

        ``cell`` has the true and the predicted class, ``names`` the same as they can be shown; ``why_none`` is said
        when there is no image. The cursor stays on its image.
        """
        rows = self.query_one("#cell", Rows)
        before = self._images[rows.at].path if self._images else ""
        self._images, self._title = in_cell(judged, *cell), names
        edge_says(rows, title="least sure first" if cell[0] == cell[1] else "surest first")
        self._why_none = why_none
        at = next((number for number, one in enumerate(self._images) if one.path == before), 0)
        rows.tell(len(self._images), self._row, at=at)
        self._show_image()

    def move(self, rows: int) -> None:
        self.query_one("#cell", Rows).move(rows)

    def on_rows_moved(self, message: Rows.Moved) -> None:
        message.stop()
        self._show_image()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_image)

    def _row(self, number: int, here: bool, width: int) -> Text:
        return words.image_row(self._images[number], here, width, self._glyphs)

    def _show_image(self) -> None:
        image, at = self.query_one(OnePicture), self.query_one("#cell", Rows).at
        title = words.cell_title(*self._title, max(10, image.size.width - 6))
        near = [self._images[place].path for place in (at + 1, at - 1) if 0 <= place < len(self._images)]
        path = self._images[at].path if self._images else ""
        image.show(path, near, title=title, why_none=self._why_none)
