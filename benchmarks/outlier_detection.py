"""How well each detector finds planted outliers, and what the pretrained backbone's costs.

    python -m benchmarks.outlier_detection [--photos DATA] [--seeds 5] [--epochs 30]

Digits (recipe `demo`) and photographs (recipe `quick`), on the processor, with 5 and 10 % of the training images
planted anew for each seed (`planted.py`): moved to a wrong class, foreign, spoiled (blank, noise, over-exposed). A
ranking's AUROC is over all training images, and for one kind over those of that kind and the clean ones; its precision
is at the planted count. `--epochs` are the autoencoder's, which take hours on two cores; 0 leaves it out.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.planted import KINDS, Draw, Kind, foreign_to_digits, foreign_to_photos, plant
from benchmarks.terminal import load, spread
from engine.compute.device import Precision
from engine.data.augment.geometry import to_square
from engine.data.decode import read_image
from engine.data.images import as_listed
from engine.data.loading.pool import Pool
from engine.data.normalize import Normalize
from engine.model.build import build_model
from engine.model.fold import Folding
from engine.outliers.detect.detect import Detection
from engine.outliers.detect.embedding import Embedder
from engine.outliers.detect.reading import Reader
from engine.outliers.detect.suspicion import suspicion
from engine.recipe.recipe import Recipe, load_recipe
from engine.tools import demo_data
from engine.training.evaluate import evaluate

SHARES = (0.05, 0.1)
AUROC_GOAL, COST_GOAL, PAIRS = 0.95, 1.2, 9
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Source:
    data: Path
    recipe: str
    foreign: Draw


@dataclass(frozen=True)
class Found:
    """What a detector says of each training image, and what each is ("" is clean)."""

    errors: Floats
    thresholds: Floats
    kinds: npt.NDArray[np.str_]

    def figures(self, scores: Floats) -> list[float]:
        """Return the AUROC, the precision at the planted count, and the AUROC of each kind."""
        planted = self.kinds != ""
        first = np.argsort(-scores, kind="stable")[: planted.sum()]
        of_kind = [
            float(roc_auc_score(self.kinds[part] == kind, scores[part]))
            for kind in KINDS
            for part in [(self.kinds == kind) | ~planted]
        ]
        return [float(roc_auc_score(planted, scores)), float(planted[first].mean()), *of_kind]

    def flagged(self) -> list[float]:
        """Return which share of the planted images is above the threshold, and which of the clean ones."""
        planted, above = self.kinds != "", self.errors > self.thresholds
        return [float(above[planted].mean()) if planted.any() else 0.0, float(above[~planted].mean())]


def recipe_of(source: Source, data: Path, *settings: str) -> Recipe:
    paths = {"train": str(data / "train"), "val": str(data / "val")}
    return load_recipe(source.recipe, ("train.device=cpu", "data.workers=0", *settings), {"data": paths})


def found(recipe: Recipe, truth: dict[Path, Kind]) -> Found:
    """Judge the training images through the engine's own door."""
    data, pool = as_listed(recipe.data), Pool(0)
    reader = Reader(recipe, pool, lambda *_: None, lambda: None, lambda _: None)
    rows: list[tuple[float, float, str]] = []
    try:
        for group in Detection(recipe, data, reader, lambda *_: None).verdicts(()):
            for verdict in group:
                kinds = [truth.get(data.train.paths[index], "") for index in verdict.images]
                rows += [
                    (error, verdict.threshold, kind)
                    for error, kind in zip(verdict.errors, kinds, strict=True)
                ]
    finally:
        pool.close()
    errors, thresholds, names = zip(*rows, strict=True)
    return Found(np.array(errors), np.array(thresholds), np.array(names))


def planted(source: Source, share: float, seed: int, methods: tuple[str, ...]) -> Iterator[tuple[str, Found]]:
    with tempfile.TemporaryDirectory() as folder:
        dest = Path(folder).resolve() / "planted"
        truth = plant(source.data, dest, share, seed, source.foreign)
        for method in methods:
            started = time.monotonic()
            yield method, found(recipe_of(source, dest, *method.split(), f"train.seed={seed}"), truth)
            said = f"{source.recipe}, {100 * share:g} %, seed {seed}, {method}: {time.monotonic() - started:.0f} s"
            print(said, file=sys.stderr, flush=True)


def costs(source: Source) -> list[float]:
    """Return, of interleaved pairs, the seconds of features and score over those of a validation pass."""
    recipe = recipe_of(source, source.data)
    data = as_listed(recipe.data)
    device = torch.device("cpu")
    precision = Precision.choose(device, "auto")
    built = build_model(recipe.model, len(data.classes), 0)
    model = Folding(precision)(built.module.to(memory_format=torch.channels_last).eval())
    normalize = Normalize(built.mean, built.std, device)
    size, step = recipe.data.val_size, recipe.data.batch_size
    pixels = np.stack([to_square(read_image(p).pixels, size, recipe.data.pad) for p in data.train.paths])
    labels = np.array(data.train.labels)
    starts = range(0, len(labels), step)

    def images() -> Iterator[torch.Tensor]:
        return (normalize(pixels[start : start + step]) for start in starts)

    def judge() -> object:
        return suspicion(Embedder(model, precision).embed(images()), labels, len(data.classes))

    def validate() -> object:
        batches = zip(
            images(), (torch.from_numpy(labels[start : start + step]) for start in starts), strict=True
        )
        return evaluate(model, batches, len(data.classes), 0.0, precision)

    seconds(judge), seconds(validate)
    return [seconds(judge) / seconds(validate) for _ in range(PAIRS)]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def told(values: list[float]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {deviation:.3f}"


def row(name: str, share: float, ranking: str, figures: list[list[float]]) -> None:
    cells = [
        name,
        f"{100 * share:g} %",
        ranking,
        *(told(list(column)) for column in zip(*figures, strict=True)),
    ]
    print("| " + " | ".join(cells) + " |", flush=True)


def table(sources: dict[str, Source], methods: tuple[str, ...], seeds: int) -> list[float]:
    """Print a row for each set, share and ranking; return the mean AUROCs of `embedding`."""
    means = []
    heads = (
        "images",
        "planted",
        "ranked by",
        "AUROC",
        "precision",
        *KINDS,
        "planted flagged",
        "clean flagged",
    )
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}", flush=True)
    for name, source in sources.items():
        for share in SHARES:
            rows: dict[str, list[list[float]]] = {}
            for seed in range(seeds):
                for method, one in planted(source, share, seed, methods):
                    short = method.split()[0].split("=")[1]
                    rankings = {f"{short}, error": one.errors}
                    if short == "autoencoder":
                        rankings[f"{short}, error / threshold"] = one.errors / one.thresholds
                    for ranking, scores in rankings.items():
                        rows.setdefault(ranking, []).append(one.figures(scores) + one.flagged())
            for ranking, figures in rows.items():
                row(name, share, ranking, figures)
            means.append(statistics.mean(figures[0] for figures in rows["embedding, error"]))
    return means


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    autoencoder = f"outliers.method=autoencoder outliers.epochs={arguments.epochs}"
    methods = ("outliers.method=embedding", *([autoencoder] if arguments.epochs else []))
    with tempfile.TemporaryDirectory() as folder:
        digits = Path(folder).resolve() / "digits"
        demo_data.write(digits)
        sources = {
            "photos": Source(arguments.photos, "quick", foreign_to_photos),
            "digits": Source(digits, "demo", foreign_to_digits),
        }
        means = table(sources, methods, arguments.seeds)
        for name, source in sources.items():
            for method, one in planted(source, 0.0, 0, methods[:1]):
                print(f"{name}, nothing planted: {100 * one.flagged()[1]:.1f} % flagged ({method})")
            print(
                f"{name}: features and score / a validation pass {spread(costs(source), 'x', 2)}; goal {COST_GOAL}"
            )
    print(f"embedding, least mean AUROC {min(means):.3f}; goal {AUROC_GOAL}; {load()}")


if __name__ == "__main__":
    main()
