"""One prediction from the weights of one run or the average of several."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch

from engine import checkpoint
from engine.checkpoint import ModelFacts, Tensors, Which
from engine.data.feed import Feed
from engine.data.geometry import Pad
from engine.data.images import DataSet, ImageSet
from engine.data.normalize import Normalize
from engine.data.pool import Pool, worker_count
from engine.device import Precision, choose_device
from engine.errors import UserError
from engine.meter import Throttle
from engine.models import restore_model
from engine.outliers.exclusions import Exclusions
from engine.predict import Predictions, predict, write_prediction, write_shares
from engine.recipe import Recipe, load_recipe
from engine.rundir import RunDir
from engine.text import printable

Say = Callable[[dict[str, str | int]], None]


def predict_runs(
    runs: list[RunDir], paths: list[Path], out: Path, which: Which, *,
    flip: bool, probabilities: Path | None = None, say: Say,
) -> int:  # fmt: skip
    """Average the runs' probabilities for ``paths``, write the prediction to ``out``, return its rows.

    An image that one of the runs couldn't read has no row, as one that none could read: its mean would be of others.
    ``probabilities``: where they are written too; None: nowhere. Raises UserError when a run has no such
    checkpoint or the runs' classes differ.
    """
    loaded = [_load(run, which) for run in runs]
    classes = loaded[0][1].classes
    for run, (_, facts) in zip(runs, loaded, strict=True):
        if facts.classes != classes:
            raise UserError(
                f"runs {printable(runs[0].name)} and {printable(run.name)} have different classes"
            )
    done, due = 0, Throttle()

    def tick(count: int) -> None:
        total = len(paths) * len(runs)
        if due() or done + count == total:
            say({"done": done + count, "total": total})

    totals: Predictions | None = None
    for run, (tensors, facts) in zip(runs, loaded, strict=True):
        found = _predict_one(load_recipe(run.recipe), tensors, facts, paths, flip=flip, tick=tick)
        totals = found if totals is None else _sum(totals, found)
        done += len(paths)
    if totals is None or not totals.paths:
        raise UserError("none of the test images can be read")
    mean = Predictions(totals.paths, totals.probabilities / len(runs))
    if probabilities is not None:
        write_shares(probabilities, mean, classes)
    return write_prediction(out, mean.paths, mean.labels(classes))


def _sum(one: Predictions, other: Predictions) -> Predictions:
    """Return the sums for the images that both have."""
    if one.paths == other.paths:  # else a file came, went or changed between the two
        return Predictions(one.paths, one.probabilities + other.probabilities)
    rows = {path: row for row, path in enumerate(one.paths)}
    both = [(rows[path], row) for row, path in enumerate(other.paths) if path in rows]
    mine, its = [row for row, _ in both], [row for _, row in both]
    return Predictions([other.paths[row] for row in its], one.probabilities[mine] + other.probabilities[its])


def _load(run: RunDir, which: Which) -> tuple[Tensors, ModelFacts]:
    folder = checkpoint.find(run.checkpoints, which)
    if folder is None:
        raise UserError(f"run {printable(run.name)} has no {which} checkpoint yet")
    return checkpoint.load_model_file(folder)


def _predict_one(
    recipe: Recipe,
    tensors: Tensors,
    facts: ModelFacts,
    paths: list[Path],
    *,
    flip: bool,
    tick: Callable[[int], None],
) -> Predictions:
    device = choose_device(recipe.train.device)
    model = (
        restore_model(facts.name, len(facts.classes), tensors)
        .to(device)
        .to(memory_format=torch.channels_last)
    )
    # The recipe may have been changed since; the weights know what they were judged on.
    shape = recipe.data.model_copy(update={"val_size": facts.val_size, "pad": cast(Pad, facts.pad)})
    nothing = ImageSet("train", [], []), ImageSet("val", [], [])
    data = DataSet(facts.classes, *nothing, ImageSet("test", paths, []), "folders")
    pool = Pool(worker_count(shape.workers))
    feed = Feed(
        data, recipe.model_copy(update={"data": shape}), Normalize(facts.mean, facts.std, device), device,
        lambda _: None, set(), pool, Exclusions(),
    )  # fmt: skip
    try:
        return predict(
            model, feed.test(), paths, Precision.choose(device, recipe.optim.amp), flip=flip, tick=tick
        )
    finally:
        feed.close()
        pool.close()
