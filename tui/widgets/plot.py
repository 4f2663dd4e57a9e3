"""The accuracy curves, drawn by plotext, as text rows in this program's colours."""

import sys
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any

from rich.style import Style
from rich.text import Text

from tui.widgets.look import BEST, FAINT, KEY, MUTED, PLAIN, TRAIN, VAL, Glyphs, styled
from tui.widgets.plot_marks import Mark, by_cell

_AXIS, _VAL, _TRAIN, _BEST, _STEERED = 8, 2, 4, 3, 6
_STYLES = {_AXIS: FAINT, _VAL: VAL, _TRAIN: TRAIN, _BEST: BEST, _STEERED: KEY}
_PLAIN_AXES = str.maketrans("┤┬└─│┼├┴┌┐┘", "++`-|++++++")


@cache
def plotext() -> Any:
    """Import plotext (0.1 s) once; the live view does so in a thread after its first paint."""
    # What it documents its own methods with takes as long again to import, and nothing here reads it.
    undocumented = ModuleType("plotext._doc.doc")
    vars(undocumented)["docs"] = None
    sys.modules.setdefault(undocumented.__name__, undocumented)
    import plotext

    # The panel says how large a plot is; the terminal that plotext would ask may be another size, or none.
    plotext.terminal.limit(False, False)
    return plotext


def curves(
    epochs: list[int], val: list[float], train: list[float], best: tuple[int, float] | None,
    steered: Sequence[Mark], width: int, height: int, glyphs: Glyphs,
) -> list[Text]:  # fmt: skip
    """Draw validation accuracy as a line, training accuracy as dots, the best epoch, and ``steered`` at the foot."""
    library = plotext()
    figure = library.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, height)
    figure.canvas("default")
    figure.axes(False, axis="x", side="upper")
    figure.axes(False, axis="y", side="right")
    low, high, ticks = _scale(min(val + train), max(val + train), height - 2)
    if height < 8:  # the row of the axis itself is worth more to the curves
        figure.axes(False, axis="x", side="lower")
    last = _axis_end(max([epochs[-1], *(mark.epoch for mark in steered)]))
    labels = [f"{tick:g} %" for tick in ticks]
    widest = max(map(len, labels))
    figure.ruler("y").lim(low, high)
    figure.ruler("y").ticks(ticks, [label.rjust(widest) for label in labels])
    figure.ruler("x").lim(1, last)
    marks = _epoch_ticks(last, width - widest)
    figure.ruler("x").ticks(marks, [str(mark) for mark in marks])
    fine = not glyphs.ascii
    figure.draw(figure.signal(epochs, train, marker=library.marker(glyphs.train, _TRAIN)))
    line = figure.signal(epochs, val, marker=library.marker("braille" if fine else "*", _VAL))
    figure.draw(line.lines())
    if best is not None:
        figure.draw(figure.signal([best[0]], [best[1]], marker=library.marker(glyphs.best, _BEST)))
    for epoch, (letter, _) in by_cell(steered, [mark.epoch for mark in steered]).items():
        figure.draw(figure.signal([epoch], [low], marker=library.marker(letter, _STEERED)))
    return _rows(figure.build().string(), glyphs)


def _rows(ansi: str, glyphs: Glyphs) -> list[Text]:
    rows = []
    for line in Text.from_ansi(ansi).split("\n"):
        plain = line.plain.translate(_PLAIN_AXES) if glyphs.ascii else line.plain
        row = styled(plain, MUTED)
        for span in line.spans:
            if isinstance(span.style, Style) and span.style.color is not None:
                row.stylize(_STYLES.get(span.style.color.number or 0, PLAIN), span.start, span.end)
        rows.append(row)
    return rows


def _scale(low: float, high: float, rows: int) -> tuple[float, float, list[float]]:
    """Return limits on round percents close around the data, and ticks that the rows can tell apart."""
    bottom, top = max(0.0, low // 5 * 5), min(100.0, -(-high // 5) * 5)
    if top <= bottom:
        bottom, top = max(0.0, bottom - 5), bottom + 5
    if rows < 6:
        return bottom, top, [bottom, top]
    step = next((step for step in (5, 10, 20, 25, 50) if (top - bottom) / step <= rows / 2.5), 100)
    return bottom, top, [float(tick) for tick in range(0, 101, step) if bottom <= tick <= top]


def _axis_end(epoch: int) -> int:
    """Return a round number of epochs, a little room ahead of the last one.

    The points keep their columns while the curve grows into the room, so that an epoch's end redraws a
    few cells and not the whole plot, which a slow line would feel.
    """
    step = 5 if epoch < 40 else 10 ** (len(str(epoch)) - 1)
    step = step // 2 if epoch >= 100 and epoch < 5 * step else step
    return -(-epoch // step) * step


def _epoch_ticks(last: int, width: int) -> list[int]:
    wanted = max(2, width // 9)
    step = next(
        (step for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000) if last / step <= wanted),
        max(1, last // wanted),
    )
    return [1, *(tick for tick in range(step, last + 1, step) if tick != 1)]
