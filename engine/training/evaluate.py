"""Validation: loss, top-1 accuracy and the confusion matrix, all as sums that could be added over ranks."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from engine.analysis.predictions import Judged, write_judged
from engine.compute.device import Precision
from engine.core.errors import UserError
from engine.core.text import encodable
from engine.data.batches import Feed
from engine.data.loading.loader import Poll
from engine.model.fold import Folding
from engine.run.directory import RunDir
from engine.run.train_state import Cells
from engine.training.finite import NoNumberError

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Sums over ``seen`` images; ``matrix[true, predicted]`` counts them, shape (classes, classes).

    ``predicted`` (seen,) has each image's class, in the order of the batches, and ``confidence`` (seen,) the
    softmax probability of it, 0 to 1. ``loss`` and ``accuracy`` need at least one image.
    """

    loss_sum: float
    correct: int
    seen: int
    matrix: torch.Tensor
    predicted: torch.Tensor
    confidence: torch.Tensor

    @property
    def loss(self) -> float:
        return self.loss_sum / self.seen

    @property
    def accuracy(self) -> float:
        """Top-1, percent."""
        return 100.0 * self.correct / self.seen

    def cells(self) -> Cells:
        """Return (true, predicted, count) of every cell that isn't empty."""
        return [
            (int(row), int(column), int(self.matrix[row, column])) for row, column in self.matrix.nonzero()
        ]


@torch.inference_mode()
def evaluate(
    model: nn.Module, batches: Batches, classes: int, label_smoothing: float, precision: Precision
) -> Evaluation:
    """Judge ``model`` on batches of (images, labels).

    The loss is the training's cross-entropy, label smoothing included, as the report's Val Loss is.
    """
    was_training = model.training
    model.eval()
    device = precision.device
    counts = torch.zeros(classes * classes, dtype=torch.long, device=device)
    loss_sum = torch.zeros((), dtype=torch.float32, device=device)
    best = [torch.zeros((2, 0), device=device)]
    for images, labels in batches:
        with precision.autocast():
            outputs = model(images)
        loss_sum += functional.cross_entropy(
            outputs.float(), labels, label_smoothing=label_smoothing, reduction="sum"
        )
        confidence, predicted = outputs.float().softmax(1).max(1)
        counts += torch.bincount(labels * classes + predicted, minlength=classes * classes)
        best.append(torch.stack((predicted.float(), confidence)))
    model.train(was_training)
    matrix = counts.view(classes, classes).cpu()
    predicted, confidence = torch.cat(best, 1).cpu()
    return Evaluation(
        float(loss_sum), int(matrix.diagonal().sum()), int(matrix.sum()), matrix, predicted.long(), confidence
    )


class Validation:
    """Validates one run's models on its feed; ``under_way`` says whether it is at it."""

    def __init__(self, run: RunDir, feed: Feed, precision: Precision) -> None:
        self.under_way = False
        self._run = run
        self._feed = feed
        self._precision = precision
        self._folding = Folding(precision)
        self._seen: list[int] = []
        self.kept = b""
        """validation.csv's content, as it was kept last; empty where it couldn't be written."""

    def judge(
        self, model: nn.Module, poll: Callable[[], object], *, label_smoothing: float, epoch: int,
        while_waiting: Poll = lambda _: None,
    ) -> Evaluation:  # fmt: skip
        """Return how ``model`` does; ``poll`` is called before each batch and may raise to leave.

        ``while_waiting`` is called while images are waited for, as ``Loader.batches`` does, and may raise, too.

        Raises UserError when no image can be read, NoNumberError when the loss is none.
        """
        self._seen, self.under_way = [], True

        def polled() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for batch in self._feed.val(while_waiting):
                poll()
                if len(batch):
                    self._seen += batch.indices.tolist()
                    yield batch.images, batch.labels

        classes = len(self._feed.data.classes)
        result = evaluate(self._folding(model), polled(), classes, label_smoothing, self._precision)
        self.under_way = False
        if not result.seen:
            raise UserError("none of the validation images can be read")
        if not math.isfinite(result.loss_sum):
            raise NoNumberError("the validation loss is no longer a number", epoch, 0)
        return result

    def keep(self, result: Evaluation) -> None:
        """Write what ``result``, the newest, says of each image. Raises OSError."""
        val, classes = self._feed.data.val, self._feed.data.classes
        answers = zip(self._seen, result.predicted.tolist(), result.confidence.tolist(), strict=True)
        self.kept = b""
        self.kept = write_judged(
            self._run.validation,
            [
                Judged(encodable(str(val.paths[index])), classes[val.labels[index]], classes[predicted], sure)
                for index, predicted, sure in answers
            ],
        )
