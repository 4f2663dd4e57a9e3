"""Predict test images with the weights of one run, or the average of several."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, cast

import torch
from torch import nn

from engine.analysis.predictions import Judged, row_names, write_probabilities
from engine.analysis.scoring import score
from engine.compute.device import Precision, choose_device
from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.table import table
from engine.core.text import encodable, names, printable
from engine.core.throttle import Throttle
from engine.data.augment.geometry import Pad
from engine.data.batches import BatchStream
from engine.data.images import DataSet, ImageSet, relative_names
from engine.data.loading.pool import Pool, worker_count
from engine.data.normalize import Normalize
from engine.data.order import Indices
from engine.journal.events import BadImage, Event, PredictionScored, RunWarning
from engine.journal.exclusions import Exclusions
from engine.model.build import restore_model
from engine.recipe.recipe import Recipe, load_recipe
from engine.run.directory import RunDir
from engine.training import checkpoint
from engine.training.checkpoint import ModelFacts, Tensors, Which

Unreadable = Literal["skip", "blank", "majority"]
"""``predict.unreadable``."""


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

    def judged(self, classes: list[str], labels: Mapping[Path, str]) -> list[Judged]:
        """Return label and prediction of each image with a label; ``labels`` are class names by path."""
        values, indices = self.probabilities.max(1)
        return [
            Judged(encodable(str(path)), labels[path], classes[index], probability)
            for path, index, probability in zip(self.paths, indices.tolist(), values.tolist(), strict=True)
            if path in labels
        ]


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


class Row(NamedTuple):
    """A row of a prediction."""

    name: str
    label: str
    place: int | None
    """The image's place in ``Predictions``, None if it couldn't be read."""


def rows_of(
    found: Predictions, paths: list[Path], root: Path, classes: list[str], unreadable: Unreadable
) -> list[Row]:
    """Return the rows for the test images ``paths`` below ``root``, in their order.

    ``unreadable`` says what row an image that isn't in ``found`` has: none, one without label, or one with the label
    that most of the others got (of several, the first in ``classes``).
    """
    labels, places = found.labels(classes), {path: place for place, path in enumerate(found.paths)}
    counts = Counter(labels)
    instead = max(classes, key=lambda name: counts[name]) if unreadable == "majority" else ""
    return [
        Row(name, instead if place is None else labels[place], place)
        for path, name in zip(paths, row_names(relative_names(paths, root)), strict=True)
        if (place := places.get(path)) is not None or unreadable != "skip"
    ]


def shared_names(paths: list[Path], root: Path) -> str:
    """Return a note on images whose rows keep their suffix, "" if there are none."""
    images = relative_names(paths, root)
    whole = [
        image
        for image, name in zip(images, row_names(images), strict=True)
        if Path(image).suffix and name == image
    ]
    if not whole:
        return ""
    shown = names(whole, most=4)
    return f"{len(whole):,} images differ from another in their suffix only, so their rows keep it: {shown}"


def write_prediction(path: Path, rows: list[Row]) -> int:
    """Write ``image_name,pred_label``, in the order given; return the number of rows.

    Names and labels are written unchanged, even one that a spreadsheet would run (``=1+1``), since graders compare
    them; ``write_probabilities`` marks such cells as text. Raises OSError.
    """
    text = table(("image_name", "pred_label"), [(row.name, row.label) for row in rows])
    replace_file(path, text.encode("utf-8", "surrogateescape"))
    return len(rows)


def write_shares(path: Path, rows: list[Row], found: Predictions, classes: list[str]) -> None:
    """Write the class probabilities of each row, in the order given. Raises OSError."""
    write_probabilities(
        path,
        (
            (row.name, row.label, [] if row.place is None else found.probabilities[row.place].tolist())
            for row in rows
        ),
        classes,
    )


Say = Callable[[dict[str, str | int]], None]
"""Reports progress, as one JSON object."""


class Written(NamedTuple):
    """A prediction that was written."""

    rows: int
    read: int
    """Number of test images that every run could read."""
    unreadable: dict[Path, str]
    """Why the others couldn't be read."""
    warnings: list[str]
    """What is odd about the images, each safe to show."""
    epoch: int
    """The best epoch of the first run's checkpoint."""
    classes: list[str]
    judged: list[Judged]
    """The images with a label."""
    scored: PredictionScored | None
    """None if no image has a label."""


def predict_runs(
    runs: list[RunDir], paths: list[Path], out: Path, which: Which, *,
    root: Path, unreadable: Unreadable = "skip", flip: bool, probabilities: Path | None = None,
    labels: Callable[[list[str]], Mapping[Path, str]] = lambda _: {}, say: Say,
) -> Written:  # fmt: skip
    """Average the runs' probabilities for ``paths`` below ``root``, write the prediction to ``out``, and score it.

    ``labels`` takes the class names, and returns the label of each path, "" or nothing for an image without. An image
    that any of the runs couldn't read counts as unreadable: its mean would be over fewer runs. ``probabilities`` is an
    additional file for the probabilities. Raises UserError if a run has no such checkpoint or the classes differ.
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

    problems: dict[str, str] = {}
    warnings: dict[str, None] = {}

    def emit(event: Event) -> None:
        if isinstance(event, BadImage):
            problems.setdefault(event.path, event.reason)
        elif isinstance(event, RunWarning):
            warnings.setdefault(event.message)

    totals: Predictions | None = None
    for run, (tensors, facts) in zip(runs, loaded, strict=True):
        found = _predict_one(load_recipe(run.recipe), tensors, facts, paths, emit, flip=flip, tick=tick)
        totals = found if totals is None else _sum(totals, found)
        done += len(paths)
    if totals is None or not totals.paths:
        raise UserError("none of the test images can be read")
    mean = Predictions(totals.paths, totals.probabilities / len(runs))
    rows = rows_of(mean, paths, root, classes, unreadable)
    if probabilities is not None:
        write_shares(probabilities, rows, mean, classes)
    write_prediction(out, rows)
    read = set(mean.paths)
    missing = {
        path: problems.get(encodable(str(path)), "not read with every run")
        for path in paths
        if path not in read
    }
    known = {path: label for path, label in labels(classes).items() if label}
    judged, epoch = mean.judged(classes, known), loaded[0][1].best_epoch
    scored = score(judged, classes, epoch=epoch, predicted=len(mean.paths), labelled=len(known))
    return Written(len(rows), len(read), missing, list(warnings), epoch, classes, judged, scored)


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
    emit: Callable[[Event], object],
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
        emit, set(), pool, Exclusions(),
    )  # fmt: skip
    try:
        return predict(
            model, feed.test(), paths, Precision.choose(device, recipe.optim.amp), flip=flip, tick=tick
        )
    finally:
        feed.close()
        pool.close()
