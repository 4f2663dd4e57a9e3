"""The report's plots of an ablation: accuracy by epoch, with and without each setting."""

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from engine.analysis.ablation import Experiment, Plan, Results, epoch_means
from engine.core.files import replace_file
from engine.journal.events import EpochEnded

_WITHOUT, _WITH = (
    "#d55e00",
    "#0072b2",
)  # from Okabe and Ito's palette, which colour-blind people can distinguish
_CURVES = (("val_acc", "validation accuracy, %"), ("train_acc", "training accuracy, %"))


def draw_experiment(path: Path, experiment: Experiment, plan: Plan, results: Results) -> None:
    """Write training and validation accuracy by epoch, for both arms, as PNG. Raises OSError.

    Thin lines are single seeds, the thick line is their mean, the band its 95 % interval. Mean and band end at the last
    epoch that all seeds have reached.
    """
    figure = Figure(figsize=(11, 4.6), dpi=110, layout="constrained")
    band = "; band: 95 % interval of the mean" if len(plan.seeds) > 1 else ""
    figure.suptitle(f"{experiment.name}: with {experiment.key} = {experiment.value}, and without{band}")
    for number, (value, title) in enumerate(_CURVES):
        axes = figure.add_subplot(1, 2, number + 1)
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.25)
        for arm, colour, line, word in (
            (experiment.with_, _WITH, "-", "with"), (experiment.without, _WITHOUT, "--", "without"),
        ):  # fmt: skip
            runs = [results[arm, seed].epochs for seed in plan.seeds if (arm, seed) in results]
            _draw_arm(axes, [epochs for epochs in runs if epochs], value, colour, line, word)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="lower right")
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content)  # type: ignore[no-untyped-call]
    replace_file(path, content.getvalue())


def _draw_arm(
    axes: Axes, runs: list[tuple[EpochEnded, ...]], value: str, colour: str, line: str, word: str
) -> None:
    for epochs in runs:
        axes.plot(
            [epoch.epoch for epoch in epochs],
            [getattr(epoch, value) for epoch in epochs],
            color=colour,
            linestyle=line,
            linewidth=0.8,
            alpha=0.45,
        )
    means = epoch_means(runs, value)
    at = list(range(1, len(means) + 1))
    label = f"{word}, mean of {len(runs)} seeds" if len(runs) > 1 else word
    axes.plot(at, [mean.mean for mean in means], color=colour, linestyle=line, linewidth=2, label=label)
    band = [(mean.low, mean.high) for mean in means if mean.low is not None and mean.high is not None]
    if band:
        lows, highs = [max(0.0, low) for low, _ in band], [min(100.0, high) for _, high in band]
        axes.fill_between(at, lows, highs, color=colour, alpha=0.15, linewidth=0)
