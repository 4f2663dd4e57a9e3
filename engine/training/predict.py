"""Predict test images with the weights of one run, or the average of several."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn

from engine.analysis.predictions import write_probabilities
from engine.compute.device import Precision, choose_device
from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.table import table
from engine.core.text import printable
from engine.core.throttle import Throttle
from engine.data.augment.geometry import Pad
from engine.data.batches import BatchStream
from engine.data.images import DataSet, ImageSet
from engine.data.loading.pool import Pool, worker_count
from engine.data.normalize import Normalize
from engine.data.order import Indices
from engine.journal.exclusions import Exclusions
from engine.model.build import restore_model
from engine.recipe.recipe import Recipe, load_recipe
from engine.run.directory import RunDir
from engine.training import checkpoint
from engine.training.checkpoint import ModelFacts, Tensors, Which


@dataclass(frozen=True, slots=True)
class Predictions:
    """Class probabilities of test images, without the unreadable ones.

    ``probabilities`` is float32 (images, classes), on the host; row i belongs to ``paths[i]``.
    """

    paths: list[Path]
    probabilities: torch.Tensor

    def labels(self, classes: list[str]) -> list[str]:
        """Return the name of the most probable class for each image."""
        return [classes[index] for index in self.probabilities.argmax(1).tolist()]


@torch.inference_mode()
def predict(
    model: nn.Module, batches: Iterable[tuple[torch.Tensor, Indices]], paths: list[Path], precision: Precision, *,
    flip: bool = False, tick: Callable[[int], None],
) -> Predictions:  # fmt: skip
    """Return class probabilities for batches of (images, indices into ``paths``).

    ``flip`` averages the probabilities of each image and its mirror image. ``tick`` is called with the number of images
    done.
    """
    model.eval()
    seen: list[int] = []
    parts: list[torch.Tensor] = []
    for images, indices in batches:
        if len(indices):
            parts.append(_probabilities(model, images, precision, flip=flip))
            seen += indices.tolist()
        tick(len(seen))
    return Predictions([paths[index] for index in seen], torch.cat(parts) if parts else torch.empty(0, 1))


def _probabilities(
    model: nn.Module, images: torch.Tensor, precision: Precision, *, flip: bool
) -> torch.Tensor:
    views = (images, images.flip(3)) if flip else (images,)
    with precision.autocast():
        outputs = [model(view) for view in views]
    return torch.stack([output.float().softmax(1) for output in outputs]).mean(0).cpu()


def write_prediction(path: Path, paths: list[Path], labels: list[str]) -> int:
    """Write ``image_name,pred_label``, sorted by file name, names without extension; return the number of rows.

    Names and labels are written unchanged, even one that a spreadsheet would run (``=1+1``), since graders compare
    them; ``write_probabilities`` marks such cells as text. Raises OSError.
    """
    pairs = sorted(zip(paths, labels, strict=True), key=lambda pair: pair[0].name)
    text = table(("image_name", "pred_label"), [(image.stem, label) for image, label in pairs])
    replace_file(path, text.encode("utf-8", "surrogateescape"))
    return len(pairs)


def write_shares(path: Path, found: Predictions, classes: list[str]) -> None:
    """Write the class probabilities of each image, in the order of ``write_prediction``. Raises OSError."""
    order = sorted(range(len(found.paths)), key=lambda index: found.paths[index].name)
    rows = ((found.paths[index].stem, found.probabilities[index].tolist()) for index in order)
    write_probabilities(path, rows, classes)


Say = Callable[[dict[str, str | int]], None]
"""Reports progress, as one JSON object."""


def predict_runs(
    runs: list[RunDir], paths: list[Path], out: Path, which: Which, *,
    flip: bool, probabilities: Path | None = None, say: Say,
) -> int:  # fmt: skip
    """Average the runs' probabilities for ``paths``, write the prediction to ``out``, and return the number of rows.

    An image that any of the runs couldn't read has no row: its mean would be over fewer runs. ``probabilities`` is
    an additional file for the probabilities. Raises UserError if a run has no such checkpoint or the classes differ.
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
    """Return the sums for the images that both have: a file may change, appear or vanish between the two."""
    if one.paths == other.paths:
        return Predictions(one.paths, one.probabilities + other.probabilities)
    rows = {path: row for row, path in enumerate(one.paths)}
    both = [(rows[path], row) for row, path in enumerate(other.paths) if path in rows]
    ours, theirs = [row for row, _ in both], [row for _, row in both]
    total = one.probabilities[ours] + other.probabilities[theirs]
    return Predictions([other.paths[row] for row in theirs], total)


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
        restore_model(facts.name, len(facts.classes), tensors, facts.model_args)
        .to(device)
        .to(memory_format=torch.channels_last)
    )
    # recipe.toml may have been edited since; the checkpoint has the size and padding that its weights were scored with.
    shape = recipe.data.model_copy(update={"val_size": facts.val_size, "pad": cast(Pad, facts.pad)})
    empty = ImageSet("train", [], []), ImageSet("val", [], [])
    data = DataSet(facts.classes, *empty, ImageSet("test", paths, []), "folders")
    pool = Pool(worker_count(shape.workers))
    feed = BatchStream(
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
