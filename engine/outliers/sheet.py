"""outliers.png: a contact sheet of the excluded images with their errors, for reports."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from engine.core.files import replace_file
from engine.data.contact_sheet import CAPTION, GAP, INK, PAPER, SIDE, SOFT, draw_cell, font
from engine.journal.events import OutlierExcluded

_COLUMNS = 10
_MOST = 400
_TITLE = 32


def draw_sheet(path: Path, excluded: Sequence[OutlierExcluded]) -> None:
    """Write the sheet of up to 400 images, by descending ratio of error to threshold. Raises OSError."""
    worst = sorted(excluded, key=_ratio, reverse=True)[:_MOST]
    columns = min(_COLUMNS, max(4, len(worst)))
    rows = -(-len(worst) // columns)
    cell = SIDE + GAP
    sheet = Image.new("RGB", (columns * cell + GAP, rows * (cell + CAPTION) + _TITLE + GAP), PAPER)
    shown = f"; showing the {len(worst)} with the largest errors" if len(worst) < len(excluded) else ""
    count = f"{len(excluded):,} image{'' if len(excluded) == 1 else 's'}"
    ImageDraw.Draw(sheet).text((GAP, GAP), f"{count} excluded{shown}", INK, font(15))
    for number, outlier in enumerate(worst):
        x = GAP + number % columns * cell
        y = _TITLE + number // columns * (cell + CAPTION)
        like = f" → {outlier.looks_like}?" if outlier.looks_like else ""
        lines = (
            (f"{outlier.class_name}{like}", INK),
            (Path(outlier.path).name, SOFT),
            (f"{outlier.error:.4g} > {outlier.threshold:.4g}", SOFT),
        )
        draw_cell(sheet, x, y, Path(outlier.moved_to or outlier.path), lines)
    content = io.BytesIO()
    sheet.save(content, "PNG")
    replace_file(path, content.getvalue())


def _ratio(outlier: OutlierExcluded) -> float:
    return outlier.error / outlier.threshold if outlier.threshold > 0 else 0.0
