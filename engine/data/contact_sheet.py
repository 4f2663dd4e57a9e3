"""Cells of contact sheets: an image with lines of words below."""

import contextlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from engine.core.text import printable
from engine.data.augment.geometry import to_square
from engine.data.decode import BadImageError, read_image

SIDE, CAPTION, GAP = 128, 44, 8
"""Width and height of an image, height of the words below, and the distance between cells, px."""
INK, SOFT, PAPER = "#16191f", "#5b6472", "#ffffff"
"""Colours of important words, of other words, and of the sheet."""

_EMPTY = (225, 228, 233)


def draw_cell(sheet: Image.Image, x: int, y: int, path: Path, lines: Iterable[tuple[str, str]]) -> None:
    """Draw the image at ``path`` with its upper left corner at (x, y) px, and up to three lines with their colours.

    An image that can't be read is a grey square. Lines are made printable and cut to the width of the image.
    """
    sheet.paste(_picture(path), (x, y))
    draw = ImageDraw.Draw(sheet)
    for row, (text, colour) in enumerate(lines):
        draw.text((x, y + SIDE + 2 + row * 13), _cut(printable(text, 80)), colour, font(10))


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans in ``size`` px."""
    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)


def _picture(path: Path) -> Image.Image:
    with contextlib.suppress(BadImageError, OSError):
        return Image.fromarray(to_square(read_image(path, least=SIDE).pixels, SIDE, "square"))
    return Image.new("RGB", (SIDE, SIDE), _EMPTY)


def _cut(text: str) -> str:
    while font(10).getlength(text) > SIDE:
        text = text[:-2] + "…"
    return text
