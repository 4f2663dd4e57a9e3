"""outliers.png: a contact sheet of the excluded images with their errors, for reports."""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from engine.core.files import replace_file
from engine.core.text import printable
from engine.data.augment.geometry import to_square
from engine.data.decode import BadImageError, read_image
from engine.journal.events import OutlierExcluded

_SIDE, _CAPTION, _GAP, _COLUMNS = 128, 44, 8, 10
_MOST = 400
_TITLE = 32
_INK, _SOFT, _PAPER, _EMPTY = "#16191f", "#5b6472", "#ffffff", (225, 228, 233)


def draw_sheet(path: Path, excluded: Sequence[OutlierExcluded]) -> None:
    """Write the sheet of up to 400 images, by descending ratio of error to threshold. Raises OSError."""
    worst = sorted(excluded, key=_ratio, reverse=True)[:_MOST]
    columns = min(_COLUMNS, max(4, len(worst)))
    rows = -(-len(worst) // columns)
    cell = _SIDE + _GAP
    sheet = Image.new("RGB", (columns * cell + _GAP, rows * (cell + _CAPTION) + _TITLE + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    shown = f"; showing the {len(worst)} with the largest errors" if len(worst) < len(excluded) else ""
    count = f"{len(excluded):,} image{'' if len(excluded) == 1 else 's'}"
    draw.text((_GAP, _GAP), f"{count} excluded{shown}", _INK, _font(15))
    for number, outlier in enumerate(worst):
        x = _GAP + number % columns * cell
        y = _TITLE + number // columns * (cell + _CAPTION)
        sheet.paste(_picture(outlier), (x, y))
        like = f" → {outlier.looks_like}?" if outlier.looks_like else ""
        lines = (
            (f"{outlier.class_name}{like}", _INK),
            (Path(outlier.path).name, _SOFT),
            (f"{outlier.error:.4g} > {outlier.threshold:.4g}", _SOFT),
        )
        for row, (text, colour) in enumerate(lines):
            draw.text((x, y + _SIDE + 2 + row * 13), _cut(printable(text, 80)), colour, _font(10))
    content = io.BytesIO()
    sheet.save(content, "PNG")
    replace_file(path, content.getvalue())


def _ratio(outlier: OutlierExcluded) -> float:
    return outlier.error / outlier.threshold if outlier.threshold > 0 else 0.0


def _picture(outlier: OutlierExcluded) -> Image.Image:
    path = Path(outlier.moved_to or outlier.path)
    with contextlib.suppress(BadImageError, OSError):
        return Image.fromarray(to_square(read_image(path, least=_SIDE).pixels, _SIDE, "square"))
    return Image.new("RGB", (_SIDE, _SIDE), _EMPTY)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)


def _cut(text: str) -> str:
    font = _font(10)
    while font.getlength(text) > _SIDE:
        text = text[:-2] + "…"
    return text
