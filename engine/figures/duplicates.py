"""A contact sheet of copies, a group beside another, for ``vrdl-tui doctor DATA --duplicates --picture FILE``."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from engine.core.files import replace_file
from engine.core.text import count
from engine.data.contact_sheet import CAPTION, GAP, INK, PAPER, SIDE, SOFT, draw_cell, font
from engine.layout.copies import KINDS, Copies

_MOST, _OF_GROUP = 100, 6
_TITLE, _HEAD = 32, 18


def draw_copies(path: Path, copies: Sequence[Copies]) -> int:
    """Write the sheet of the first 100 groups, a row each with up to 6 images. Return how many are shown.

    Raises OSError.
    """
    shown = copies[:_MOST]
    columns = max(4, *(min(len(one.images), _OF_GROUP) for one in shown))
    height = _HEAD + SIDE + CAPTION + GAP
    sheet = Image.new("RGB", (columns * (SIDE + GAP) + GAP, _TITLE + len(shown) * height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    title = f"{count(len(copies), 'group')} of copies"
    title += f"; showing the first {_MOST}" if len(copies) > _MOST else ""
    draw.text((GAP, GAP), title, INK, font(15))
    for row, one in enumerate(shown):
        y = _TITLE + row * height
        words = f"{'exact' if one.exact else 'near'}, {KINDS[one.kind]}"
        words += ", different classes" if one.conflict and one.kind != "classes" else ""
        more = len(one.images) - _OF_GROUP
        words += f"; {more:,} more images" if more > 0 else ""
        draw.text((GAP, y), words, INK, font(12))
        for column, image in enumerate(one.images[:_OF_GROUP]):
            lines = ((f"{image.split} {image.label}", INK), (image.path.name, SOFT))
            draw_cell(sheet, GAP + column * (SIDE + GAP), y + _HEAD, image.path, lines)
    content = io.BytesIO()
    sheet.save(content, "PNG")
    replace_file(path, content.getvalue())
    return len(shown)
