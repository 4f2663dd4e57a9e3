"""Validation: loss, top-1 accuracy, and the class that each image is taken for."""

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
from engine.data.batches import BatchStream
from engine.data.loading.loader import Poll
from engine.model.fold import Folding
from engine.run.directory import RunDir
from engine.run.train_state import Cells
from engine.training.finite import NonFiniteError

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Sums over ``seen`` images, and of each image, in the order of the batches, what the model says of it.

    ``labels`` (seen,) are the true classes, ``predicted`` (seen,) the predicted ones, ``confidence`` (seen,) the
    softmax probability of the latter, 0 to 1. ``loss`` and ``accuracy`` need at least one image.
    """

    loss_sum: float
    correct: int
    seen: int
    labels: torch.Tensor
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
        """Return (true, predicted, count) of every cell of the confusion matrix that isn't empty, in its order.

        Takes time and memory for the images and not for the classes' square: 10,000 classes have 100 million cells.
        """
        if not self.seen:
            return []
        width = int(self.predicted.max()) + 1
        places, counts = (self.labels * width + self.predicted).unique(return_counts=True)
        columns = places // width, places % width, counts
        return list(zip(*(column.tolist() for column in columns), strict=True))


@torch.inference_mode()
def evaluate(
    model: nn.Module, batches: Batches, most: int, label_smoothing: float, precision: Precision
) -> Evaluation:
    """Judge ``model`` on batches of (images, labels), ``most`` images at most.

    The loss is the training's cross-entropy, label smoothing included, as the report's Val Loss is.
    """
    was_training = model.training
    model.eval()
    device = precision.device
    loss_sum = torch.zeros((), dtype=torch.float32, device=device)
    # Read once at the end, as each reading waits for the device; and made at once, as small tensors that stay between a
    # batch's large ones keep the heap from taking their room again: of 10,000 classes it grew by 10 MB a batch.
    true, predicted = torch.zeros((2, most), dtype=torch.long, device=device)
    confidence = torch.zeros(most, device=device)
    seen = 0
    for images, labels in batches:
        with precision.autocast():
            outputs = model(images)
        loss_sum += functional.cross_entropy(
            outputs.float(), labels, label_smoothing=label_smoothing, reduction="sum"
        )
        own = slice(seen, seen + len(labels))
        true[own] = labels
        confidence[own], predicted[own] = outputs.float().softmax(1).max(1)
        seen = own.stop
    model.train(was_training)
    true, predicted, confidence = true[:seen].cpu(), predicted[:seen].cpu(), confidence[:seen].cpu()
    return Evaluation(float(loss_sum), int((true == predicted).sum()), seen, true, predicted, confidence)


class Validation:
    """Validates one run's models on its feed; ``under_way`` says whether it is at it."""

    def __init__(self, run: RunDir, feed: BatchStream, precision: Precision) -> None:
        self.under_way = False
        self._run = run
        self._feed = feed
        self._precision = precision
        self._folding = Folding(precision)
        self._seen: list[int] = []
        self.kept = b""
        """validation.csv's content, as it was kept last; empty where it couldn't be written."""

    def validate(
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

        most = len(self._feed.data.val)
        result = evaluate(self._folding(model), polled(), most, label_smoothing, self._precision)
        self.under_way = False
        if not result.seen:
            raise UserError("none of the validation images can be read")
        if not math.isfinite(result.loss_sum):
            raise NonFiniteError("the validation loss is no longer a number", epoch, 0)
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
