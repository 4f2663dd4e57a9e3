"""Panel: what the machine is doing, each figure with its short history, and what bounds the run."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.text import Text

from engine.journal.events import SystemSample
from tui.widgets.look import FAINT, GOOD, MUTED, STRONG, TRAIN, WARN, Glyphs, styled
from tui.widgets.panel import Panel
from tui.widgets.plot_spark import spark
from tui.widgets.runs_curve import curve
from tui.widgets.view import View
from tui.widgets.wording import size
from tui.widgets.wrapping import wrap

DATA_WAIT = 10.0
"""Percent of the time from which on waiting for images bounds the run, as ``engine.data.bottleneck`` has it."""
DISK_LOW = 2_000_000_000
"""Bytes: some checkpoints of a large model, and little more."""
MEMORY_FULL = 92.0
"""Percent of all memory from which on a machine begins to swap, or to end processes."""
GPU_HOT = 85.0
"""Degrees Celsius at which NVIDIA's cards begin to slow down."""
_LABEL = 12
_LONGEST_HISTORY = 120
_TALLEST = 5
_OVER = "as it was when the engine last looked"


class System(Panel):
    """Figures of the newest sample; the samples of the newest attempt as sparklines."""

    title = "system"

    def facts(self, view: View) -> object:
        state = view.state
        return len(state.samples), state.system, bounds(view), state.started

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        samples, glyphs = list(view.state.samples), view.glyphs
        if not samples:
            return [styled(piece, MUTED) for piece in wrap(_nothing(view), width)][:height]
        warnings = [styled(piece, WARN) for one in bounds(view) for piece in wrap(f"! {one}", width)]
        figures = _figures(samples)
        tall = min(_TALLEST, (height - len(warnings) - 1) // len(figures) - 2)
        rows = list(warnings)
        for figure in figures:
            if tall >= 2:
                rows += _chart(figure, samples, width, tall, glyphs)
            else:
                rows.append(_row(figure, samples, width, glyphs))
        if not warnings and len(rows) < height:
            said, style = ("nothing here bounds the run", GOOD) if view.alive else (_OVER, FAINT)
            rows.append(styled(said, style))
        return rows[:height]


def bounds(view: View) -> tuple[str, ...]:
    """Say what bounds the run, as far as the newest figures show it; nothing of a run that is over."""
    state = view.state
    if not view.alive:
        return ()
    said = []
    step, now = state.step, state.system
    if step is not None and step.data_wait is not None and step.data_wait >= DATA_WAIT:
        said.append(f"training waits for images {step.data_wait:.0f} % of the time")
    if now is not None:
        if now.disk_free < DISK_LOW:
            said.append(f"the disk is nearly full: {size(now.disk_free)} left")
        if now.ram_total and 100 * now.ram_used / now.ram_total >= MEMORY_FULL:
            said.append(f"memory is nearly full: {size(now.ram_total - now.ram_used)} left")
        if now.gpu_temperature is not None and now.gpu_temperature >= GPU_HOT:
            said.append(f"the GPU is hot: {_plain(_degrees(now.gpu_temperature), view.glyphs)}")
    return tuple(said)


class _Figure(NamedTuple):
    label: str
    text: str
    of: Callable[[SystemSample], float | None]
    high: float | None
    """The upper end of the history's scale; None: its greatest value."""
    said: Callable[[float], str]


def _figures(samples: Sequence[SystemSample]) -> list[_Figure]:
    now = samples[-1]
    figures = [
        _Figure("CPU", _percent(now.cpu_percent), lambda one: one.cpu_percent, 100, _percent),
        _Figure("memory", _of(now.ram_used, now.ram_total), lambda one: one.ram_used, now.ram_total, size),
        _Figure("engine", size(now.rss), lambda one: one.rss, None, size),
        _Figure("disk free", size(now.disk_free), lambda one: one.disk_free, None, size),
    ]
    if now.gpu_percent is not None:
        figures.append(_Figure("GPU", _percent(now.gpu_percent), lambda one: one.gpu_percent, 100, _percent))
    if now.gpu_memory_used is not None and now.gpu_memory_total:
        text = _of(now.gpu_memory_used, now.gpu_memory_total)
        of, total = (lambda one: one.gpu_memory_used), now.gpu_memory_total
        figures.append(_Figure("GPU memory", text, of, total, size))
    if now.gpu_power is not None:
        figures.append(_Figure("GPU power", _watts(now.gpu_power), lambda one: one.gpu_power, None, _watts))
    if now.gpu_temperature is not None:
        text = _degrees(now.gpu_temperature)
        figures.append(_Figure("GPU heat", text, lambda one: one.gpu_temperature, 100, _degrees))
    return figures


def _row(figure: _Figure, samples: Sequence[SystemSample], width: int, glyphs: Glyphs) -> Text:
    row = styled(figure.label.ljust(_LABEL), MUTED).append(_plain(figure.text, glyphs).ljust(20), STRONG)
    values = [figure.of(one) for one in samples]
    high = figure.high or max((value for value in values if value is not None), default=1.0)
    room = min(_LONGEST_HISTORY, width - row.cell_len - 1)
    return row.append(" ").append(spark(values, 0, high, room, glyphs).lstrip(), TRAIN) if room >= 6 else row


def _chart(
    figure: _Figure, samples: Sequence[SystemSample], width: int, height: int, glyphs: Glyphs
) -> list[Text]:
    """The figure, its least and its greatest value, and under them the history between these."""
    values = [value for one in samples if (value := figure.of(one)) is not None]
    row = styled(figure.label.ljust(_LABEL), MUTED).append(_plain(figure.text, glyphs).ljust(22), STRONG)
    low, high = (_plain(figure.said(value), glyphs) for value in (min(values), max(values)))
    row.append(f"from {low} to {high}", MUTED)
    drawn = curve(values, min(width, _LONGEST_HISTORY), height, ascii=glyphs.ascii)
    return [row, *(styled(line, TRAIN) for line in drawn), Text()]


def _plain(text: str, glyphs: Glyphs) -> str:
    return text.replace("°", "") if glyphs.ascii else text


def _percent(value: float) -> str:
    return f"{value:.0f} %"


def _watts(value: float) -> str:
    return f"{value:.0f} W"


def _degrees(value: float) -> str:
    return f"{value:.0f} °C"


def _of(used: int, total: int) -> str:
    return f"{size(used)} of {size(total)}"


def _nothing(view: View) -> str:
    if view.alive:
        return "no figures yet: the engine looks at the machine every five seconds while it trains"
    return "no figures: this attempt did not last the five seconds to the first look at the machine"
