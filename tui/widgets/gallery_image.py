"""One image of the gallery: its picture, a typical one of its class beside it, what is known of it below."""

import os

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.timer import Timer

from engine.journal.state import RunState
from tui.late import Late
from tui.thumbnails import Thumbnail, Thumbnails
from tui.widgets.edge import edge_says
from tui.widgets.gallery_facts import facts
from tui.widgets.gallery_graphics import cell_size, terminal_graphics
from tui.widgets.gallery_items import Item, typical_path
from tui.widgets.gallery_words import picture_words
from tui.widgets.histogram import histogram
from tui.widgets.lines import Lines
from tui.widgets.look import Glyphs
from tui.widgets.picture import Picture

# A held key moves 30 times a second: pictures, which cost the most to draw, are drawn once it rests.
_REST = 0.06


class GalleryImage(Vertical):
    """Pictures come when they have been read; those of the images next to this one are read ahead."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="image")
        self._glyphs = glyphs
        self._graphics = terminal_graphics(os.environ, cell_size())
        self._item: Item | None = None
        self._near: list[Item] = []
        self._state = RunState()
        self._told: object = None
        self._thumbnails: Thumbnails | None = None
        self._moving: Timer | None = None
        """Runs while the hand may be on the way to another image."""

    def compose(self) -> ComposeResult:
        with Horizontal(id="pictures"):
            yield Picture(self._graphics, id="picture")
            yield Picture(self._graphics, id="typical")
        yield Lines(id="facts")
        yield Lines(id="histogram")

    def on_mount(self) -> None:
        late = Late(self)
        self._thumbnails = Thumbnails(lambda: late(self._show_pictures))
        self.query_one("#picture").border_title = "this image"

    def on_unmount(self) -> None:
        if self._thumbnails is not None:
            self._thumbnails.stop()

    def show(self, item: Item, near: list[Item], state: RunState) -> None:
        """Show an image of the run's ``state``; ``near``: those that a key may ask for next."""
        before, self._item, self._near, self._state = self._item, item, near, state
        self._show_facts()
        if before is None or before == item:
            self._show_pictures()
            return
        if self._moving is not None:
            self._moving.stop()
            self.query_one("#picture", Picture).show(self._seen(None))
        self._moving = self.set_timer(_REST, self._rest)

    def _rest(self) -> None:
        self._moving = None
        self._show_pictures()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_facts)

    def on_picture_resized(self) -> None:
        self._show_pictures()

    def _show_facts(self) -> None:
        if not self.is_mounted:
            return
        about, chart = self.query_one("#facts", Lines), self.query_one("#histogram", Lines)
        item, glyphs = self._item, self._glyphs
        if item is None or not about.content_size or not chart.content_size:
            return
        judged = self._state.outliers.thresholds.get(item.class_name)
        told = (item, judged.seq if judged is not None else 0, about.content_size, chart.content_size)
        if told == self._told:
            return
        self._told = told
        width, height = about.content_size
        about.show(facts(item, judged, width, height, glyphs))
        width, height = chart.content_size
        known = judged is not None and judged.errors
        chart.show(
            histogram(judged.errors, judged.threshold, item.error, width, height, glyphs)
            if judged is not None and known
            else []
        )

    def _show_pictures(self) -> None:
        item, thumbnails = self._item, self._thumbnails
        if item is None or thumbnails is None or self._moving is not None:
            return
        blind = picture_words(no_color=self.app.no_color, ascii=self._glyphs.ascii)
        started = self._state.started
        usual = typical_path(self._state.outliers, started.data if started else "", item.class_name)
        picture, typical = self.query_one("#picture", Picture), self.query_one("#typical", Picture)
        title = f"typical of {self._glyphs.clean(item.class_name)}"
        # Textual's own ellipsis is no ASCII.
        edge_says(typical, title=self._glyphs.cut(title, max(10, typical.size.width - 6)))
        wishes = []
        for pane, path, word in (
            (picture, item.picture, "the file was deleted: there is no picture of it"),
            (typical, usual, "none is known: the class is not judged"),
        ):
            wanted = pane.wanted(path)
            if blind or not path:
                pane.show(blind or word)
            elif wanted.width and wanted.height:
                wishes.append(wanted)
                pane.show(self._seen(thumbnails.get(wanted)))
        if wishes:
            thumbnails.want([*wishes, *(picture.wanted(one.picture) for one in self._near if one.picture)])

    def _seen(self, thumbnail: Thumbnail | None) -> Thumbnail | str:
        if thumbnail is None:
            return f"reading{self._glyphs.ellipsis}"
        return self._glyphs.clean(f"no picture: {thumbnail.reason}") if thumbnail.reason else thumbnail
