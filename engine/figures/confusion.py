"""PNG pictures for reports."""

import io
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from engine.core.files import replace_file
from engine.core.text import printable
from engine.run.train_state import Cells

_NUMBERS_UP_TO = 30
_LABELS_UP_TO = 120


def draw_confusion_matrix(path: Path, cells: Cells, classes: list[str], title: str) -> None:
    """Write the confusion matrix as a picture: rows true, columns predicted, shades per row's share."""
    count = len(classes)
    table = [[0.0] * count for _ in range(count)]
    for row, column, number in cells:
        table[row][column] = number
    shares = [[value / max(1.0, sum(row)) for value in row] for row in table]
    side = min(24.0, max(5.0, 0.42 * count + 2))
    figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(title=_plain(title, 120), xlabel="predicted", ylabel="true")
    if count <= _LABELS_UP_TO:
        names = [_plain(name, 24) for name in classes]
        size = 10 if count <= _NUMBERS_UP_TO else 6
        axes.set_xticks(range(count), names, rotation=90, fontsize=size)
        axes.set_yticks(range(count), names, fontsize=size)
    if count <= _NUMBERS_UP_TO:
        for row, column, number in cells:
            colour = "white" if shares[row][column] > 0.5 else "black"
            axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=9)
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content)  # type: ignore[no-untyped-call]
    replace_file(path, content.getvalue())


def _plain(text: str, limit: int) -> str:
    """A dollar sign would start matplotlib's mathematics."""
    return printable(text, limit).replace("$", r"\$")
