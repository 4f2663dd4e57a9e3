"""The plot in full: history or its newest part, log axis, smoothing, zoom and pan, a cursor that reads all."""

import math
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, MouseDown, MouseMove, MouseScrollDown, MouseScrollUp, MouseUp

from engine.journal.events import EpochEnded
from tui.settings import Curves, Memory
from tui.widgets.keys import Key
from tui.widgets.look import MUTED, styled
from tui.widgets.panel import Panel
from tui.widgets.plot_chart import Chart, Wanted, chart
from tui.widgets.plot_marks import marks, steered, steering_facts
from tui.widgets.plot_series import SHOWN, Shown, quantities
from tui.widgets.plot_span import Span, panned, widest, within, zoomed
from tui.widgets.plot_words import befell, befell_height, legend, reading
from tui.widgets.view import View

_SMOOTHINGS = (0.0, 0.6, 0.9)
_ZOOM = 0.7
_PAN = 0.1
_BESIDE = 110
"""Cells from which on two charts lie side by side and not one above the other."""
_HIGH_ENOUGH = 24
"""Rows from which on two charts have room above each other."""
_LOWEST = 7
_LOW, _MOST_TOLD = 16, 2
"""Rows from which on there is room for two rows of words on what befell the run in an epoch."""

PLOT_KEYS = (
    Key("f", "recent", "focused.recent"),
    Key("y", "curves", "focused.curves"),
    Key("g", "log", "focused.log"),
    Key("S", "smooth", "focused.smooth"),
    Key("+", "in", "focused.zoom(1)"),
    Key("-", "out", "focused.zoom(-1)"),
    Key(".", "cursor", "focused.cursor(1)"),
    Key("0", "all", "focused.reset"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """``span`` and ``cursor`` are None while they follow the newest epoch."""

    shown: Shown = "both"
    recent: bool = False
    log: bool = False
    smoothing: float = 0.0
    span: Span | None = None
    cursor: int | None = None


class PlotView(Panel, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "recent", "All epochs or the newest"),
        Binding("y", "curves", "Accuracy, loss, both, learning rate"),
        Binding("g", "log", "Logarithmic axis"),
        Binding("S", "smooth", "Smoothing"),
        Binding("plus", "zoom(1)", "Zoom in"),
        Binding("minus", "zoom(-1)", "Zoom out"),
        Binding("left", "pan(-1)", "Earlier"),
        Binding("right", "pan(1)", "Later"),
        Binding("0", "reset", "All of it"),
        Binding("comma", "cursor(-1)", "Cursor left"),
        Binding("full_stop", "cursor(1)", "Cursor right"),
    ]
    title = "curves"

    def __init__(self, shown: Shown, memory: Memory) -> None:
        super().__init__(id="plot")
        self._memory = memory
        last = memory.layout.curves
        self.options = Options(shown=shown, recent=last.recent, log=last.log, smoothing=last.smoothing)
        self._charts: list[tuple[int, Chart]] = []
        """The charts on screen, each with the column where it begins."""
        self._dragged: tuple[int, Span] | None = None
        """Where the mouse went down, and what was shown then."""
        self._moved = False

    def facts(self, view: View) -> object:
        state = view.state
        last = state.epochs[-1] if state.epochs else None
        befallen = (len(state.decays), len(state.resumes), steering_facts(state))
        return self.options, len(state.epochs), last, befallen

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        state, glyphs, options = view.state, view.glyphs, self.options
        self._charts = []
        if not state.epochs:
            return [styled("no epoch has ended yet: the curves begin after the first validation", MUTED)]
        here, found = self._here(state.epochs), marks(state, glyphs)
        span = options.span or self._whole(state.epochs)
        head = legend(
            options.shown, options.span, options.recent, options.log, options.smoothing, found, width, glyphs
        )
        figures = reading(here, state, width, 3, glyphs)
        wanted = Wanted(
            state.epochs, span, found, here.epoch, state.early_stop.best_epoch, options.log, options.smoothing
        )
        told = befell_height(found, width, _MOST_TOLD if height >= _LOW else 1)
        newest = here is state.epochs[-1]
        words = befell(found, here.epoch, width, told, glyphs, newest=newest)
        charts = self._draw(view, wanted, width, height - len(figures) - 1 - told)
        return [head, *charts, *words, *figures]

    def _draw(self, view: View, wanted: Wanted, width: int, height: int) -> list[Text]:
        shown, glyphs = quantities(self.options.shown), view.glyphs
        beside = len(shown) > 1 and (width >= _BESIDE or height < _HIGH_ENOUGH)
        across = (width - 2 * (len(shown) - 1)) // len(shown) if beside else width
        down = height if beside else height // len(shown)
        if across < 24 or down < _LOWEST:
            return [styled("too little room for a plot here", MUTED)]
        rows: list[Text] = []
        for number, quantity in enumerate(shown):
            left = number * (across + 2) if beside else 0
            own = chart(wanted, quantity, across, down, glyphs)
            self._charts.append((left, own))
            if not beside or not rows:
                rows += own.rows
                continue
            for row, more in zip(rows, own.rows, strict=False):
                row.append(" " * (left - row.cell_len)).append(more)
        return rows

    # where it is

    def _whole(self, epochs: list[EpochEnded]) -> Span:
        """All epochs, and the one under way where something was asked for in it: its mark is to be seen."""
        last = epochs[-1].epoch
        if self._view is not None and (asked := steered(self._view.state.steered, self._view.glyphs)):
            last = max(last, asked[-1].epoch)
        return widest(epochs[0].epoch, last, recent=self.options.recent)

    def _here(self, epochs: list[EpochEnded]) -> EpochEnded:
        """The epoch under the cursor, or the newest."""
        if self.options.cursor is None:
            return epochs[-1]
        return epochs[
            min(len(epochs) - 1, bisect_left(epochs, self.options.cursor, key=lambda one: one.epoch))
        ]

    @property
    def _epochs(self) -> list[EpochEnded]:
        return self._view.state.epochs if self._view is not None else []

    def _epoch_at(self, x: int) -> float | None:
        """The epoch at a column of the panel's content."""
        if not self._charts or not self._epochs:
            return None
        begin, own = next((one for one in reversed(self._charts) if x >= one[0]), self._charts[0])
        span = self.options.span or self._whole(self._epochs)
        share = (x - begin - own.left) / max(1, own.width - 1)
        return span[0] + min(1.0, max(0.0, share)) * (span[1] - span[0])

    def _change(self, **changes: object) -> None:
        options = self.options = replace(self.options, **changes)  # type: ignore[arg-type]
        self._memory.keep(curves=Curves(options.recent, options.log, options.smoothing))
        self._redraw()

    # what the keys do

    def action_recent(self) -> None:
        self._change(recent=not self.options.recent, span=None)

    def action_curves(self) -> None:
        self._change(shown=SHOWN[(SHOWN.index(self.options.shown) + 1) % len(SHOWN)])

    def action_log(self) -> None:
        self._change(log=not self.options.log)

    def action_smooth(self) -> None:
        self._change(smoothing=next((one for one in _SMOOTHINGS if one > self.options.smoothing), 0.0))

    def action_reset(self) -> None:
        self._change(span=None, recent=False, cursor=None)

    def action_zoom(self, steps: int, at: float | None = None) -> None:
        """Zoom in (1) or out (-1) around the epoch ``at``, else around the cursor."""
        if not self._epochs:
            return
        whole = self._whole(self._epochs)
        span = self.options.span or whole
        centre = at if at is not None else float(self._here(self._epochs).epoch)
        centre = min(max(centre, span[0]), span[1])
        self._change(span=zoomed(span, whole, _ZOOM**steps, centre))

    def action_pan(self, steps: int) -> None:
        if self.options.span is not None:
            epochs = steps * _PAN * (self.options.span[1] - self.options.span[0])
            self._pan(self.options.span, epochs)

    def _pan(self, span: Span, epochs: float) -> None:
        """Show ``span`` moved by ``epochs``, the cursor within it."""
        span = panned(span, self._whole(self._epochs), epochs)
        cursor = min(max(self._here(self._epochs).epoch, math.ceil(span[0])), math.floor(span[1]))
        self._change(span=span, cursor=None if cursor == self._epochs[-1].epoch else cursor)

    def action_cursor(self, steps: int) -> None:
        """Go one epoch on or back; one column of the plot where several epochs share it."""
        if not self._epochs:
            return
        whole = self._whole(self._epochs)
        span = self.options.span or whole
        columns = self._charts[0][1].width if self._charts else self.size.width
        step = max(1, int((span[1] - span[0]) / max(1, columns)))
        self._put_cursor(self._here(self._epochs).epoch + steps * step)

    def _put_cursor(self, epoch: float) -> None:
        first, last = self._epochs[0].epoch, self._epochs[-1].epoch
        cursor = round(min(max(epoch, first), last))
        span = self.options.span
        if span is not None and not span[0] <= cursor <= span[1]:
            over = cursor - span[0] if cursor < span[0] else cursor - span[1]
            span = within((span[0] + over, span[1] + over), self._whole(self._epochs))
        elif span is None and self.options.recent and cursor < self._whole(self._epochs)[0]:
            cursor = int(self._whole(self._epochs)[0])
        self._change(cursor=None if cursor == last else cursor, span=span)

    # the mouse

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self._zoom_at(event.x, 1)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self._zoom_at(event.x, -1)

    def _zoom_at(self, x: int, steps: int) -> None:
        self.action_zoom(steps, self._epoch_at(x - self.gutter.left))

    def on_mouse_down(self, event: MouseDown) -> None:
        if self._epochs:
            self.capture_mouse()
            self._dragged = (event.x, self.options.span or self._whole(self._epochs))
            self._moved = False

    def on_mouse_move(self, event: MouseMove) -> None:
        if self._dragged is None or not self._charts:
            return
        start, span = self._dragged
        self._moved = self._moved or event.x != start
        if self._moved and self.options.span is not None:
            epochs = (start - event.x) * (span[1] - span[0]) / max(1, self._charts[0][1].width - 1)
            self._pan(span, epochs)

    def on_mouse_up(self, _event: MouseUp) -> None:
        self.release_mouse()
        self._dragged = None

    def on_click(self, event: Click) -> None:
        epoch = self._epoch_at(event.x - self.gutter.left)
        if epoch is not None and not self._moved:
            self._put_cursor(epoch)
