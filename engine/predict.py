"""The test set's prediction: labels from weights, written as the contest wants them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from engine.data.order import Indices
from engine.device import Precision
from engine.files import replace_file
from engine.predicted import write_probabilities
from engine.table import table


@dataclass(frozen=True, slots=True)
class Predictions:
    """``probabilities[i]`` (images, classes) belong to ``paths[i]``; unreadable images are not among them."""

    paths: list[Path]
    probabilities: torch.Tensor

    def labels(self, classes: list[str]) -> list[str]:
        """Return the folder's name of each image's likeliest class."""
        return [classes[index] for index in self.probabilities.argmax(1).tolist()]


@torch.inference_mode()
def predict(
    model: nn.Module, batches: Iterable[tuple[torch.Tensor, Indices]], paths: list[Path], precision: Precision, *,
    flip: bool = False, tick: Callable[[int], None],
) -> Predictions:  # fmt: skip
    """Return class probabilities for batches of (images, their indices into ``paths``).

    ``flip`` averages each image's with those of its mirror image. ``tick`` hears how many are done.
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
    """Write ``image_name,pred_label``, sorted by file name, names without their extension; return the rows.

    Names and labels stand as they are, even one that a spreadsheet would run (``=1+1``): graders compare them with
    their own. Who wants to open it in a spreadsheet takes the file of ``write_shares``, where ``engine.table.shown``
    marks those as text. Raises OSError.
    """
    pairs = sorted(zip(paths, labels, strict=True), key=lambda pair: pair[0].name)
    text = table(("image_name", "pred_label"), [(image.stem, label) for image, label in pairs])
    replace_file(path, text.encode("utf-8", "surrogateescape"))
    return len(pairs)


def write_shares(path: Path, found: Predictions, classes: list[str]) -> None:
    """Write the probabilities of each image, sorted as ``write_prediction`` sorts. Raises OSError."""
    order = sorted(range(len(found.paths)), key=lambda index: found.paths[index].name)
    rows = ((found.paths[index].stem, found.probabilities[index].tolist()) for index in order)
    write_probabilities(path, rows, classes)
