"""The figure of a confusion matrix."""

import io
import math
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from engine.core.files import replace_file
from engine.core.text import printable
from engine.run.train_state import Cells

_NUMBERS_UP_TO = 30
_LABELS_UP_TO = 120
_SQUARES_UP_TO = 1000
"""Maximum number of squares per row: more would be smaller than a pixel, at quadratic cost in time and memory."""

_drawing = threading.Lock()
"""matplotlib is not thread-safe."""


def draw_confusion_matrix(path: Path, cells: Cells, classes: list[str], title: str) -> None:
    """Write the figure of ``confusion_png`` to a file. Raises OSError."""
    replace_file(path, confusion_png(cells, classes, title))


def confusion_png(cells: Cells, classes: list[str], title: str) -> bytes:
    """Return the confusion matrix as PNG: rows are true classes, columns predicted ones, shades proportions of a row.

    More than 1,000 classes are combined, in class order, into groups of equal size, as the title then states. Safe to
    call from several threads.
    """
    count = len(classes)
    group = max(1, math.ceil(count / _SQUARES_UP_TO))
    shares = _shares(cells, count, group)
    title = _plain(title, 120)
    if group > 1:
        title += f"\neach square: {group} x {group} of the {count:,} classes, in their order"
    with _drawing:
        return _draw(shares, cells, classes, title, group)


def _shares(cells: Cells, classes: int, group: int) -> npt.NDArray[np.float64]:
    """Return, for each square of ``group`` x ``group`` classes, its proportion (0 to 1) of the images of its row."""
    side = math.ceil(classes / group)
    rows, columns, images = np.array(cells, dtype=np.int64).reshape(-1, 3).T
    places = rows // group * side + columns // group
    table = np.bincount(places, weights=images, minlength=side * side).reshape(side, side)
    shares: npt.NDArray[np.float64] = table / np.maximum(table.sum(1, keepdims=True), 1.0)
    return shares


def _draw(shares: npt.NDArray[np.float64], cells: Cells, classes: list[str], title: str, group: int) -> bytes:
    count = len(classes)
    side = min(24.0, max(5.0, 0.42 * count + 2))
    figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    end = len(shares) * group - 0.5
    axes.imshow(
        colormaps["Blues"](shares, bytes=True), interpolation="nearest", extent=(-0.5, end, end, -0.5)
    )
    axes.set(title=title, xlabel="predicted", ylabel="true")
    if count <= _LABELS_UP_TO:
        names = [_plain(name, 24) for name in classes]
        size = 10 if count <= _NUMBERS_UP_TO else 6
        axes.set_xticks(range(count), names, rotation=90, fontsize=size)
        axes.set_yticks(range(count), names, fontsize=size)
    if count <= _NUMBERS_UP_TO:
        for row, column, number in cells:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=9)
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content)  # type: ignore[no-untyped-call]
    return content.getvalue()


def _plain(text: str, limit: int) -> str:
    """Return text with dollar signs escaped, which would start a formula in matplotlib."""
    return printable(text, limit).replace("$", r"\$")
