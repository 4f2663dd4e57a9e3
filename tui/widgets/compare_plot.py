"""Panel: one curve of every run, over each other."""

import math
from itertools import count, takewhile

from rich.style import Style
from rich.text import Text
from textual.events import Resize

from engine.analysis.compare import Comparison, RunSummary
from tui.widgets.compare_series import CURVES, STYLES, Curve, colour, mark
from tui.widgets.lines import Lines
from tui.widgets.look import FAINT, MUTED, PLAIN, Glyphs, styled
from tui.widgets.plot import plotext
from tui.widgets.plot_marks import Mark, by_cell, steered
from tui.widgets.plot_words import kinds

# plotext's own names for colours; what comes out of it is recoloured by them.
_AXIS, _FIRST = 8, 1
_CELLS_A_MARK = 8
# Of all curves together: what plotext draws in less than 50 ms of the event loop at 200 columns.
_MOST_POINTS = 600
_PLAIN_AXES = str.maketrans("┤┬└─│┼├┴┌┐┘", "++`-|++++++")

Points = list[tuple[int, float]]


class ComparePlot(Lines):
    """plotext has to be imported before it is told anything: that takes too long for the event loop."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="compare-plot", classes="panel")
        self._glyphs = glyphs
        self._comparison: Comparison | None = None
        self._curve = CURVES[0]
        self._front = 0
        self._drawn: object = None

    def tell(self, comparison: Comparison, curve: Curve, front: int) -> None:
        """Draw ``curve``; the run at ``front`` lies over the others."""
        self._comparison, self._curve, self._front = comparison, curve, front
        self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        wanted = (self._comparison, self._curve, self._front, width, height)
        if self._comparison is None or width < 20 or height < 4 or wanted == self._drawn:
            return
        self._drawn = wanted
        self.border_title = self._curve.title
        entrants = self._comparison.entrants
        curves = [[(epoch.epoch, self._curve.value(epoch)) for epoch in one.epochs] for one in entrants]
        asked = [self._asked(one) if one.epochs else [] for one in entrants]
        self.border_subtitle = Text("  ").join(kinds([mark for marks in asked for mark in marks]))
        if not any(curves):
            self.show([styled("no epoch has ended yet: the curves begin after the first validation", MUTED)])
            return
        self.show(draw(curves, asked, self._curve.unit, self._front, width, height, self._glyphs))

    def _asked(self, one: RunSummary) -> list[Mark]:
        """Return how the run was steered; what begins with an epoch that has not ended stands at the last."""
        last = one.epochs[-1].epoch
        return [mark._replace(epoch=min(mark.epoch, last)) for mark in steered(one.steered, self._glyphs)]


def draw(
    curves: list[Points],
    asked: list[list[Mark]],
    unit: str,
    front: int,
    width: int,
    height: int,
    glyphs: Glyphs,
) -> list[Text]:
    """Draw at least one curve with points in it into ``height`` rows of ``width`` cells; ``front`` comes last.

    At the foot stands how each run was steered, ``asked``, in its curve's colour.
    """
    library = plotext()
    figure = library.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, height)
    figure.canvas("default")
    figure.axes(False, axis="x", side="upper")
    figure.axes(False, axis="y", side="right")
    values = [value for points in curves for _, value in points if math.isfinite(value)]
    bottom, top, ticks = scale(min(values, default=0.0), max(values, default=1.0), max(2, (height - 2) // 3))
    labels = [f"{tick:.6g}{unit}" for tick in ticks]
    widest = max(map(len, labels))
    figure.ruler("y").lim(bottom, top)
    figure.ruler("y").ticks(ticks, [label.rjust(widest) for label in labels])
    last = max(epoch for points in curves for epoch, _ in points)
    figure.ruler("x").lim(1, max(2, last))
    epochs = _epoch_ticks(max(2, last), max(2, (width - widest) // 9))
    figure.ruler("x").ticks(epochs, [str(epoch) for epoch in epochs])
    order = [at for at in range(len(curves)) if at != front and curves[at]] + (
        [front] if curves[front] else []
    )
    for at in order:
        points = _thinned(curves[at], min(width, _MOST_POINTS // len(order)))
        xs, ys = [x for x, _ in points], [y for _, y in points]
        shape, paint = mark(at, glyphs), _FIRST + colour(at)
        figure.draw(
            figure.signal(xs, ys, marker=library.marker(shape if glyphs.ascii else "braille", paint)).lines()
        )
        marked = points[:: max(1, len(points) * _CELLS_A_MARK // width)]
        marked += [points[-1]] if marked[-1] != points[-1] else []
        figure.draw(
            figure.signal([x for x, _ in marked], [y for _, y in marked], marker=library.marker(shape, paint))
        )
        for epoch, (letter, _) in by_cell(asked[at], [one.epoch for one in asked[at]]).items():
            figure.draw(figure.signal([epoch], [bottom], marker=library.marker(letter, paint)))
    return _rows(figure.build().string(), glyphs)


def _rows(ansi: str, glyphs: Glyphs) -> list[Text]:
    rows = []
    for line in Text.from_ansi(ansi).split("\n"):
        row = styled(line.plain.translate(_PLAIN_AXES) if glyphs.ascii else line.plain, MUTED)
        for span in line.spans:
            if isinstance(span.style, Style) and span.style.color is not None:
                row.stylize(_style(span.style.color.number), span.start, span.end)
        rows.append(row)
    return rows


def _style(number: int | None) -> Style:
    if number == _AXIS or number is None:
        return FAINT
    return STYLES[number - _FIRST] if 0 <= number - _FIRST < len(STYLES) else PLAIN


def _thinned(points: Points, most: int) -> Points:
    """Return at most about ``most`` of the points, the last one among them."""
    step = -(-len(points) // most)
    return points if step == 1 else [*points[:-1:step], points[-1]]


def scale(low: float, high: float, most: int) -> tuple[float, float, list[float]]:
    """Return limits a little wider than ``low`` to ``high``, and two to about ``most`` round ticks within them."""
    spread = (high - low) or abs(high) or 1.0
    bottom, top = low - spread / 20, high + spread / 20
    first = math.floor(math.log10(spread)) - 2
    ticks: list[float] = []
    for step in (base * 10.0**power for power in (first, first + 1, first + 2) for base in (1, 2, 2.5, 5)):
        numbers = range(math.ceil(bottom / step), math.floor(top / step) + 1)
        if ticks and len(numbers) < 2:
            break
        ticks = [round(step * number, 12) for number in numbers]
        if len(ticks) <= most:
            break
    return bottom, top, ticks


def _epoch_ticks(last: int, most: int) -> list[int]:
    steps = (base * 10**power for power in count() for base in (1, 2, 5))
    step = next(step for step in steps if last / step <= most)
    return [
        1,
        *takewhile(lambda tick: tick <= last, (step * number for number in count(2 if step == 1 else 1))),
    ]
