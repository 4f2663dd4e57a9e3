"""The list of the gallery's images: a cursor, and only the rows that are on screen are made."""

from rich.cells import cell_len
from rich.text import Text
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message

from tui.widgets.edge import edge_says
from tui.widgets.gallery_items import Item, over_threshold, short_name
from tui.widgets.lines import Lines
from tui.widgets.look import BAD, FAINT, KEY, MUTED, PLAIN, STRONG, Glyphs, styled


class GalleryList(Lines):
    """One image a row; the cursor stays on its image while others come and go."""

    class Moved(Message):
        """The cursor is on another image, or its image has changed."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, GalleryList.Moved)

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="gallery-list", classes="panel")
        self._glyphs = glyphs
        self._items: list[Item] = []
        self._with_class = True
        self._at = 0
        self._top = 0

    @property
    def current(self) -> Item | None:
        """The image under the cursor."""
        return self._items[self._at] if self._items else None

    @property
    def items(self) -> list[Item]:
        return self._items

    def tell(self, items: list[Item], *, with_class: bool, at: str = "") -> None:
        """Show these, the cursor on the image with the path ``at``, or else where it was.

        Where its image is gone the cursor is on the one that took its place. ``with_class``: they are of several
        classes; else what is left out among them is marked.
        """
        path = at or (self.current.path if self.current is not None else "")
        self._items, self._with_class = items, with_class
        same = next((number for number, item in enumerate(items) if item.path == path), self._at)
        self._at = min(same, max(0, len(items) - 1))
        self._draw()

    def move(self, rows: int) -> None:
        self.go_to(min(len(self._items) - 1, max(0, self._at + rows)))

    def page(self, pages: int) -> None:
        self.move(pages * max(1, self.size.height - 1))

    def go_to(self, number: int) -> None:
        if 0 <= number < len(self._items):
            self._at = number
            self._draw()

    def around(self) -> list[Item]:
        """Return the images next to the cursor, the one below it first."""
        return [self._items[at] for at in (self._at + 1, self._at - 1) if 0 <= at < len(self._items)]

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        self.move(-3)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        self.move(3)

    def on_click(self, event: Click) -> None:
        content = event.get_content_offset(self)
        if content is not None:
            self.go_to(self._top + content.y)

    def _draw(self) -> None:
        width, height = self.size
        if not width or not height:
            return
        self._top = max(min(self._top, self._at, len(self._items) - height), self._at - height + 1, 0)
        shown = self._items[self._top : self._top + height]
        self.show([self._row(item, number == self._at) for number, item in enumerate(shown, self._top)])
        subtitle = f"{self._at + 1:,} of {len(self._items):,}" if self._items else ""
        edge_says(self, subtitle=subtitle)
        self.post_message(self.Moved())

    def _row(self, item: Item, here: bool) -> Text:
        glyphs, width = self._glyphs, self.size.width
        row = styled(f"{glyphs.cursor} " if here else "  ", KEY)
        if not self._with_class:
            row.append("out " if item.excluded is not None else "    ", BAD)
        over = f" {over_threshold(item, glyphs.times)}"
        room = width - row.cell_len - cell_len(over)
        name = (
            short_name(item, room, glyphs)
            if self._with_class
            else glyphs.cut_start(glyphs.clean(item.name), room)
        )
        row.append(glyphs.fit(name, room), STRONG if here else PLAIN)
        return row.append(over, BAD if item.ratio > 1 else MUTED if here else FAINT)
