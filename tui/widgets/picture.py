"""A picture in the terminal, drawn as the terminal can."""

import random
from typing import Literal

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from tui.themes import in_theme
from tui.thumbnails import Thumbnail, Wanted
from tui.widgets import gallery_kitty as kitty
from tui.widgets.gallery_graphics import Graphics
from tui.widgets.look import MUTED
from tui.widgets.plain_titles import PlainTitles
from tui.widgets.wrapping import wrap

_UPPER = "▀"


class Picture(PlainTitles):
    """A thumbnail in the middle, or a sentence."""

    class Resized(Message):
        """Another size of picture fits in now."""

    def __init__(self, graphics: Graphics, *, id: str) -> None:
        super().__init__(id=id, classes="picture")
        self._graphics = graphics
        self._shown: Thumbnail | str = ""
        self._strips: list[Strip] = []
        self._number = 0
        """What a Kitty terminal knows the picture by; 0: it has none."""
        self._gone = False
        """Whether a picture that comes now would be sent to the terminal for nobody, and stay there."""

    def wanted(self, path: str) -> Wanted:
        """Return the wish for a file's picture that fits in; its sides are 0 while this is hidden."""
        (width, height), graphics = self.content_size, self._graphics
        if graphics.kind == "kitty":
            height = min(height, kitty.MOST_ROWS)
        form: Literal["rgb", "sixel"] = "sixel" if graphics.kind == "sixel" else "rgb"
        return Wanted(path, width * graphics.cell_width, height * graphics.cell_height, form)

    def show(self, shown: Thumbnail | str) -> None:
        """Show a thumbnail that was ``wanted``, or a sentence."""
        if shown != self._shown and not self._gone:
            self._shown = shown
            self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()
        self.post_message(self.Resized())

    def on_unmount(self) -> None:
        self._gone = True
        self._forget()

    def _draw(self) -> None:
        width, height = self.content_size
        if not width or not height:
            return
        self._forget()
        if isinstance(self._shown, str):
            self._strips = [Strip([Segment(piece, MUTED)]) for piece in wrap(self._shown, width)[:height]]
        elif self._graphics.kind == "sixel":
            self._strips = []
        elif self._graphics.kind == "kitty":
            self._strips = self._send(self._shown, width, min(height, kitty.MOST_ROWS))
        else:
            rows = half_blocks(self._shown)
            left = Segment(" " * max(0, (width - self._shown.width) // 2))
            above = [Strip([])] * max(0, (height - len(rows)) // 2)
            self._strips = [*above, *(Strip([left, *row]) for row in rows)]
        self.refresh()

    def _send(self, thumbnail: Thumbnail, width: int, height: int) -> list[Strip]:
        self._number = random.randrange(1 << 16, 1 << 24)
        self._write(kitty.transmit(self._number, thumbnail, width, height))
        return [Strip([row]) for row in kitty.placeholders(self._number, width, height)]

    def _forget(self) -> None:
        if self._number:
            self._write(kitty.forget(self._number))
            self._number = 0

    def _write(self, sequence: str) -> None:
        # By the way of all that is drawn, in order with it.
        if self.app._driver is not None:
            self.app._driver.write(sequence)

    def render_line(self, y: int) -> Strip:
        strip = self._strips[y] if y < len(self._strips) else Strip([])
        if isinstance(self._shown, str):
            strip = in_theme(strip, self.app.theme)
        style = self.rich_style
        return strip.apply_style(style).adjust_cell_length(self.content_size.width, style)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the rows asked for, and over the last of them the whole of a Sixel picture."""
        strips = super().render_lines(crop)
        if self._graphics.kind != "sixel" or isinstance(self._shown, str) or not strips:
            return strips
        graphics, place = self._graphics, self.content_region
        x = place.x + max(0, place.width - -(-self._shown.width // graphics.cell_width)) // 2
        y = place.y + max(0, place.height - -(-self._shown.height // graphics.cell_height)) // 2
        # The cursor and its colours are saved and put back: what is drawn next goes on where it was.
        picture = f"\x1b7\x1b[{y + 1};{x + 1}H{self._shown.content.decode('ascii')}\x1b8"
        drawing = Segment(picture, Style.null(), ((ControlType.CURSOR_FORWARD, 0),))
        return [*strips[:-1], Strip([*strips[-1], drawing], strips[-1].cell_length)]


def half_blocks(thumbnail: Thumbnail) -> list[list[Segment]]:
    """Return rows of cells, two px each, one above the other; below an odd last row the ground shows."""
    width, pixels = thumbnail.width, thumbnail.content
    rows = []
    for top in range(0, thumbnail.height, 2):
        row = []
        for x in range(width):
            upper = (top * width + x) * 3
            lower = upper + width * 3
            ground = _colour(pixels, lower) if top + 1 < thumbnail.height else None
            row.append(Segment(_UPPER, Style.from_color(_colour(pixels, upper), ground)))
        rows.append(row)
    return rows


def _colour(pixels: bytes, at: int) -> Color:
    return Color.from_triplet(ColorTriplet(pixels[at], pixels[at + 1], pixels[at + 2]))
