"""One chart as text rows: the axis, curves thinned to the columns on screen, marks and the cursor."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.style import Style
from rich.text import Text

from engine.journal.events import EpochEnded
from tui.widgets.look import BEST, FAINT, MUTED, PLAIN, STRONG, Glyphs, styled
from tui.widgets.plot_canvas import Canvas
from tui.widgets.plot_marks import Mark, by_cell
from tui.widgets.plot_scale import Scale, epoch_ticks, linear, logarithmic
from tui.widgets.plot_series import Quantity, Series, series_of, values_of
from tui.widgets.plot_smooth import smooth
from tui.widgets.plot_span import Span

_BELOW = 3
"""Rows under the curves: marks, the axis, its labels."""
_CELLS_A_LINE = 6
"""Marks closer together than this, on average, would hatch the plot with their lines."""


_RAW = "'"
"""What a figure before smoothing is in ASCII, where a line and its dots would look the same."""
_FORGOTTEN = 400
"""How many epochs back a value no longer counts in a smoothed curve: 0.9**400 is below 1e-18."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to draw: the history (at least one epoch, ascending), the part of it, and how."""

    epochs: Sequence[EpochEnded]
    span: Span
    marks: Sequence[Mark]
    cursor: int
    best_epoch: int
    log: bool
    smoothing: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The rows, and where in them the curves lie, which a mouse needs to know."""

    rows: list[Text]
    left: int
    width: int


def chart(wanted: Wanted, quantity: Quantity, width: int, height: int, glyphs: Glyphs) -> Chart:
    """Draw a quantity into ``height`` rows (6 or more) of ``width`` cells (24 or more)."""
    numbers = [epoch.epoch for epoch in wanted.epochs]
    # One epoch more on each side: a line that leaves the plot is drawn up to its edge.
    first = max(0, bisect_left(numbers, wanted.span[0]) - 1)
    end = min(len(numbers), bisect_right(numbers, wanted.span[1]) + 1)
    curves = []
    for one in series_of(quantity):
        raw = values_of(wanted.epochs[max(0, first - _FORGOTTEN) : end], one)
        line = smooth(raw, wanted.smoothing) if wanted.smoothing else raw
        curves.append((one, raw[first - end :], line[first - end :]))
    scale = _scale(
        [value for _, raw, _ in curves for value in raw], quantity, wanted.log, height - _BELOW - 1
    )
    title = styled(quantity, STRONG)
    if scale is None:
        return Chart([title, styled("no figure here that can be drawn", MUTED)], 0, width)
    labels = [_label(tick, quantity) for tick in scale.ticks]
    left = max(map(len, labels)) + 1
    canvas = Canvas(width - left, height - _BELOW - 1, glyphs)
    view = _Place(canvas, wanted.span, scale)
    _draw_marks(canvas, view, wanted.marks, glyphs)
    numbers = numbers[first:end]
    for one, raw, line in curves:
        if wanted.smoothing:
            view.dots(numbers, raw, glyphs)
        if one.joined:
            view.line(numbers, line, one.style)
        else:
            view.points(numbers, line, glyphs.train, one.style)
    _draw_best(view, wanted, curves[-1], numbers, glyphs)
    at = view.cell(wanted.cursor)
    canvas.upright(at, "|" if glyphs.ascii else "│", PLAIN)
    rows = [title, *_with_axis(canvas, scale, labels, left, glyphs), _mark_row(view, wanted.marks, left)]
    return Chart([*rows, *_below(view, wanted, left, glyphs)], left, canvas.width)


def _scale(values: list[float], quantity: Quantity, log: bool, rows: int) -> Scale | None:
    values = [value for value in values if math.isfinite(value)]
    if quantity != "accuracy" and log:
        values = [value for value in values if value > 0]
    if not values:
        return None
    if quantity == "accuracy":
        return linear(values, rows, floor=0.0, ceiling=100.0)
    return logarithmic(values, rows) if log else linear(values, rows, floor=min(0.0, *values))


def _label(tick: float, quantity: Quantity) -> str:
    return f"{tick:.4g} %" if quantity == "accuracy" else f"{tick:.4g}"


class _Place:
    """Puts epochs and values on a canvas."""

    def __init__(self, canvas: Canvas, span: Span, scale: Scale) -> None:
        self.canvas, self.scale = canvas, scale
        self._start, self._width = span[0], span[1] - span[0]

    def column(self, epoch: float) -> int:
        return round((epoch - self._start) / self._width * (self.canvas.columns - 1))

    def cell(self, epoch: float) -> int:
        return self.column(epoch) // self.canvas.across

    def level(self, value: float) -> int:
        return round(max(-1.0, min(2.0, self.scale.place(value))) * (self.canvas.levels - 1))

    def line(self, epochs: Sequence[int], values: Sequence[float], style: Style) -> None:
        """Draw a line; where several epochs share a column, from the least of them to the greatest."""
        before: tuple[int, int] | None = None
        for x, own in self._by_column(epochs, values):
            first = self.level(own[0])
            self.canvas.line(before or (x, first), (x, first), style)
            if len(own) > 1:
                self.canvas.stroke(x, self.level(min(own)), self.level(max(own)), style)
            before = x, self.level(own[-1])

    def dots(self, epochs: Sequence[int], values: Sequence[float], glyphs: Glyphs) -> None:
        """Draw a faint dot for each epoch; of those that share a column, for the least and the greatest."""
        for x, own in self._by_column(epochs, values):
            for value in (min(own), max(own)):
                if glyphs.ascii:
                    self.put(x, value, _RAW, FAINT)
                else:
                    self.canvas.dot(x, self.level(value), FAINT)

    def _by_column(self, epochs: Sequence[int], values: Sequence[float]) -> Iterator[tuple[int, list[float]]]:
        """Yield the columns that have finite values, with these, left to right."""
        by = (self.canvas.columns - 1) / self._width
        at = 0
        while at < len(epochs):
            x = self.column(epochs[at])
            # Looked up and not gone through: of ten thousand epochs each would cost.
            end = bisect_right(epochs, self._start + (x + 0.5) / by, at + 1)
            own = list(values[at:end])
            if not math.isfinite(sum(own)):
                own = [value for value in own if math.isfinite(value)]
            if own:
                yield x, own
            at = end

    def points(self, epochs: Sequence[int], values: Sequence[float], sign: str, style: Style) -> None:
        """Draw one sign for each epoch, or for the mean of those that share a cell."""
        cells: dict[int, list[float]] = {}
        for x, own in self._by_column(epochs, values):
            cells.setdefault(x // self.canvas.across, []).extend(own)
        for cell, own in cells.items():
            self.put(cell, sum(own) / len(own), sign, style)

    def put(self, cell: int, value: float, sign: str, style: Style) -> None:
        row = self.canvas.height - 1 - self.level(value) // self.canvas.down
        self.canvas.put(cell, row, sign, style)


def _draw_marks(canvas: Canvas, view: _Place, marks: Sequence[Mark], glyphs: Glyphs) -> None:
    cells = {cell for mark in marks if 0 <= (cell := view.cell(mark.epoch)) < canvas.width}
    if len(cells) <= canvas.width // _CELLS_A_LINE:
        for cell in cells:
            canvas.upright(cell, ":" if glyphs.ascii else "┊", FAINT)


def _draw_best(
    view: _Place, wanted: Wanted, curve: tuple[Series, list[float], list[float]], numbers: list[int],
    glyphs: Glyphs,
) -> None:  # fmt: skip
    at = bisect_left(numbers, wanted.best_epoch)
    if at < len(numbers) and numbers[at] == wanted.best_epoch and math.isfinite(value := curve[1][at]):
        view.put(view.cell(wanted.best_epoch), value, glyphs.best, BEST)


def _with_axis(canvas: Canvas, scale: Scale, labels: list[str], left: int, glyphs: Glyphs) -> list[Text]:
    said: dict[int, str] = {}
    for tick, label in zip(scale.ticks, labels, strict=True):
        level = round(scale.place(tick) * (canvas.levels - 1))
        said.setdefault(canvas.height - 1 - level // canvas.down, label)
    tick_sign, side = ("+", "|") if glyphs.ascii else ("┤", "│")
    rows = []
    for number, row in enumerate(canvas.rows()):
        head = styled(said.get(number, "").rjust(left - 1), MUTED)
        rows.append(head.append(tick_sign if number in said else side, FAINT).append(row))
    return rows


def _mark_row(view: _Place, marks: Sequence[Mark], left: int) -> Text:
    letters = by_cell(marks, [view.cell(mark.epoch) for mark in marks])
    row = Text(" " * left)
    for cell in sorted(cell for cell in letters if 0 <= cell < view.canvas.width):
        row.append(" " * (left + cell - row.cell_len)).append(*letters[cell])
    return row


def _below(view: _Place, wanted: Wanted, left: int, glyphs: Glyphs) -> list[Text]:
    """The axis, and under it its epochs and the cursor's, which comes before them."""
    width = view.canvas.width
    line = ["-" if glyphs.ascii else "─"] * width
    label_row = [" "] * width
    here = view.cell(wanted.cursor)
    said = [(here, str(wanted.cursor))] if 0 <= here < width else []
    for tick in epoch_ticks(wanted.span[0], wanted.span[1], width):
        said.append((view.cell(tick), str(tick)))
        if 0 <= view.cell(tick) < width:
            line[view.cell(tick)] = "+" if glyphs.ascii else "┴"
    shown: range | None = None
    for cell, text in said:
        start = min(max(0, cell - len(text) // 2), width - len(text))
        if start >= 0 and all(sign == " " for sign in label_row[max(0, start - 1) : start + len(text) + 1]):
            label_row[start : start + len(text)] = text
            shown = range(start, start + len(text)) if shown is None else shown
    corner = "+" if glyphs.ascii else "└"
    axis = styled(" " * (left - 1) + corner + "".join(line), FAINT)
    labels = styled(" " * left + "".join(label_row), MUTED)
    if 0 <= here < width and shown is not None:
        labels.stylize(STRONG, left + shown.start, left + shown.stop)
    return [axis, labels]
