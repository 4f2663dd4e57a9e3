"""The figure of a comparison: four curves per run, and the best accuracies with their intervals."""

import io
from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from engine.analysis.compare import Comparison
from engine.analysis.compare_tables import short
from engine.core.files import replace_file
from engine.core.text import printable
from engine.journal.events import EpochEnded

# Okabe and Ito's palette, which colour-blind people can distinguish, dark colours first. From the seventh
# run on, the colours repeat with other marks.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_MARKS = "os^Dv*PXp<>h"
_MARKED = 12

_CURVES: tuple[tuple[str, Callable[[EpochEnded], float]], ...] = (
    ("validation accuracy, %", lambda epoch: epoch.val_acc),
    ("training accuracy, %", lambda epoch: epoch.train_acc),
    ("validation loss", lambda epoch: epoch.val_loss),
    ("learning rate", lambda epoch: epoch.lr),
)


def draw_comparison(path: Path, comparison: Comparison) -> None:
    """Write the figure as PNG: curves by epoch, and below them each run's best accuracy. Raises OSError."""
    runs = comparison.entrants
    steered = any(one.steered.epochs for one in runs)
    figure = Figure(figsize=(11, 8.2 + 0.32 * len(runs)), dpi=110, layout="constrained")
    # In separate subfigures, so that long run names don't narrow the curves.
    grid = figure.add_gridspec(2, 1, height_ratios=(7.2, 0.8 + 0.36 * len(runs)))
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    for number, (title, value) in enumerate(_CURVES):
        axes = above.add_subplot(2, 2, number + 1)
        axes.set(title=title, xlabel="epoch (at the foot, | was steered)" if steered else "epoch")
        axes.grid(alpha=0.25)
        for at, one in enumerate(runs):
            axes.plot(
                [epoch.epoch for epoch in one.epochs],
                [value(epoch) for epoch in one.epochs],
                color=_colour(at),
                marker=_MARKS[at],
                markevery=max(1, len(one.epochs) // _MARKED),
                markersize=5,
                linewidth=1.4,
            )
            axes.plot(
                one.steered.epochs,
                [0] * len(one.steered.epochs),
                color=_colour(at),
                linestyle="",
                marker="|",
                markersize=12,
                clip_on=False,
                transform=axes.get_xaxis_transform(),
            )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _draw_best(below.add_subplot(), comparison)
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content)  # type: ignore[no-untyped-call]
    replace_file(path, content.getvalue())


def _draw_best(axes: Axes, comparison: Comparison) -> None:
    axes.set(title="best epoch: validation accuracy with its 95 % interval, %")
    axes.grid(axis="x", alpha=0.25)
    names = []
    for at, one in enumerate(comparison.entrants):
        names.append(f"{_plain(one.name, 60)}  ({short(comparison, at)})")
        if one.best is None:
            continue
        low, high = one.interval or (one.best.val_acc, one.best.val_acc)
        axes.plot([low, high], [at, at], color=_colour(at), linewidth=2)
        axes.plot([one.best.val_acc], [at], color=_colour(at), marker=_MARKS[at], markersize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _colour(at: int) -> str:
    return _COLOURS[at % len(_COLOURS)]


def _plain(text: str, limit: int) -> str:
    """Return text with dollar signs escaped, which would start a formula in matplotlib."""
    return printable(text, limit).replace("$", r"\$")
