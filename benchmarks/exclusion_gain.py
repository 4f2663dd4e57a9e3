"""What leaving outliers out is worth: validation accuracy with and without, on data with planted outliers.

    python benchmarks/exclusion_gain.py DATA [--share 0.1] [--seeds 5] [--png FILE]

For each seed outliers are planted anew among the training images of DATA (benchmarks/planted.py); the validation
images stay clean. Recipe `quick`, the real program, once with each `outliers.method`. Prints the best validation
accuracy of each: mean over the seeds, with the 95 % interval of Student's t, and the gain over `none` in pairs.
"""

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.planted import foreign_to_photos, plant
from benchmarks.terminal import CONSOLE, load
from engine.journal.events import EpochEnded
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.run.directory import RunDir

METHODS = ("none", "autoencoder", "embedding")
# Two-sided 95 % points of Student's t by degrees of freedom.
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}


def train(data: Path, runs: Path, method: str, seed: int) -> tuple[list[EpochEnded], int]:
    """Return a run's epochs, and how many images it left out."""
    settings = (f"outliers.method={method}", f"train.seed={seed}", "schedule.patience=100")
    argv = [CONSOLE, "train", str(data), "--recipe", "quick", "--device", "cpu", "--headless"]
    argv += ["--runs", str(runs), "--name", method, *(f"--set={setting}" for setting in settings)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = RunState()
    state.apply_all(JournalReader(RunDir(runs / method).journal).read(limit=1 << 30))
    return state.epochs, len(state.outliers.excluded)


def interval(values: list[float]) -> str:
    mean = statistics.mean(values)
    if len(values) < 2:
        return f"{mean:.2f}"
    half = T95[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.2f} ± {half:.2f}"


def draw(curves: dict[str, list[list[float]]], share: float, path: Path) -> None:
    """Write the mean validation accuracy of each epoch, with the range over the seeds."""
    figure = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for method, runs in curves.items():
        epochs = range(1, len(runs[0]) + 1)
        columns = list(zip(*runs, strict=True))
        axes.plot(epochs, [statistics.mean(column) for column in columns], marker="o", label=method)
        axes.fill_between(epochs, [min(c) for c in columns], [max(c) for c in columns], alpha=0.15)
    axes.set(xlabel="epoch", ylabel="validation accuracy, %", title=f"{100 * share:.0f} % planted outliers")
    axes.legend(title="outliers.method")
    FigureCanvasAgg(figure).print_png(str(path))  # type: ignore[no-untyped-call]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--png", type=Path, help="curves of the validation accuracy")
    asked = parser.parse_args()
    best: dict[str, list[float]] = {method: [] for method in METHODS}
    curves: dict[str, list[list[float]]] = {method: [] for method in METHODS}
    for seed in range(asked.seeds):
        with tempfile.TemporaryDirectory() as folder:
            truth = plant(asked.data, Path(folder, "data"), asked.share, seed, foreign_to_photos)
            for method in METHODS:
                epochs, left_out = train(Path(folder, "data"), Path(folder, "runs"), method, seed)
                best[method].append(max(epoch.val_acc for epoch in epochs))
                curves[method].append([epoch.val_acc for epoch in epochs])
                print(
                    f"seed {seed}, {len(truth)} planted, {method}: {left_out} left out, best "
                    f"{best[method][-1]:.2f} %, {load()}",
                    flush=True,
                )
    print("\n| outliers.method | best validation accuracy, % | gain over none, points |\n| --- | --- | --- |")
    for method in METHODS:
        gains = [own - none for own, none in zip(best[method], best["none"], strict=True)]
        print(f"| {method} | {interval(best[method])} | {interval(gains) if method != 'none' else ''} |")
    if asked.png:
        draw(curves, asked.share, asked.png)


if __name__ == "__main__":
    main()
