"""The picture of one image file; those that a key may ask for next are read ahead."""

import os
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer

from tui.late import Late
from tui.thumbnails import Thumbnail, Thumbnails
from tui.widgets.edge import edge_says
from tui.widgets.gallery_graphics import cell_size, terminal_graphics
from tui.widgets.gallery_words import picture_words
from tui.widgets.look import Glyphs
from tui.widgets.picture import Picture

# A held key moves 30 times a second: pictures, which cost the most to draw, are drawn once it rests.
_REST = 0.06


class OnePicture(Vertical):
    """Shows a file, or says why there is no picture."""

    def __init__(self, glyphs: Glyphs, *, id: str) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._path = ""
        self._why_none = ""
        self._near: list[str] = []
        self._thumbnails: Thumbnails | None = None
        self._moving: Timer | None = None
        """Runs while the hand may be on the way to another image."""

    def compose(self) -> ComposeResult:
        yield Picture(terminal_graphics(os.environ, cell_size()), id="picture")

    def on_mount(self) -> None:
        late = Late(self)
        self._thumbnails = Thumbnails(lambda: late(self._draw))

    def on_unmount(self) -> None:
        if self._thumbnails is not None:
            self._thumbnails.stop()

    def show(self, path: str, near: Sequence[str] = (), *, title: str = "", why_none: str = "") -> None:
        """Show the file at ``path``, or where that is empty the sentence ``why_none``."""
        picture = self.query_one(Picture)
        edge_says(picture, title=title)
        before, self._path = self._path, path
        self._near, self._why_none = list(near), why_none
        if not before or before == path:
            self._draw()
            return
        if self._moving is not None:
            self._moving.stop()
            picture.show(self._seen(None))
        self._moving = self.set_timer(_REST, self._rest)

    def _rest(self) -> None:
        self._moving = None
        self._draw()

    def on_picture_resized(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._thumbnails is None or self._moving is not None:
            return
        picture = self.query_one(Picture)
        if not self._path:
            picture.show(self._why_none)
            return
        if blind := picture_words(no_color=self.app.no_color, ascii=self._glyphs.ascii):
            picture.show(blind)
            return
        wanted = picture.wanted(self._path)
        if wanted.width and wanted.height:
            picture.show(self._seen(self._thumbnails.get(wanted)))
            self._thumbnails.want([wanted, *(picture.wanted(path) for path in self._near)])

    def _seen(self, thumbnail: Thumbnail | None) -> Thumbnail | str:
        if thumbnail is None:
            return f"reading{self._glyphs.ellipsis}"
        return self._glyphs.clean(f"no picture: {thumbnail.reason}") if thumbnail.reason else thumbnail
