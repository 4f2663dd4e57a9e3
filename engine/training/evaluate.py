"""Validation: loss, top-1 accuracy, and the predicted class of each image."""

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
"""Batches of images (n, 3, height, width) and labels (n,), on the model's device."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Validation results: sums over ``seen`` images, and per-image predictions in the order of the batches.

    ``labels`` (seen,) are the true classes, ``predicted`` (seen,) the predicted ones, ``confidence`` (seen,) the
    softmax probability of the predicted class, 0 to 1. ``loss`` and ``accuracy`` need at least one image.
    """

    loss_sum: float
    correct: int
    seen: int
    labels: torch.Tensor
    predicted: torch.Tensor
    confidence: torch.Tensor

    @property
    def loss(self) -> float:
        """Mean cross-entropy."""
        return self.loss_sum / self.seen

    @property
    def accuracy(self) -> float:
        """Top-1, percent."""
        return 100.0 * self.correct / self.seen

    def cells(self) -> Cells:
        """Return (true, predicted, count) for each non-empty cell of the confusion matrix, in row-major order.

        Time and memory grow with the images, not with the square of the classes: 10,000 classes have 100 million cells.
        """
        if not self.seen:
            return []
        width = int(self.predicted.max()) + 1
        flat, counts = (self.labels * width + self.predicted).unique(return_counts=True)
        columns = flat // width, flat % width, counts
        return list(zip(*(column.tolist() for column in columns), strict=True))


@torch.inference_mode()
def evaluate(
    model: nn.Module, batches: Batches, most: int, label_smoothing: float, precision: Precision
) -> Evaluation:
    """Evaluate ``model`` on batches of at most ``most`` images in all; its training mode is restored afterwards.

    The loss is the training's cross-entropy, label smoothing included (method.md, Model and optimiser).
    """
    was_training = model.training
    model.eval()
    device = precision.device
    loss_sum = torch.zeros((), dtype=torch.float32, device=device)
    # Read once at the end, since each read waits for the device. Allocated once, since small tensors left between a
    # batch's large ones fragment the heap: with 10,000 classes it grew by 10 MB per batch.
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
    """Validates the models of one run on its validation images."""

    def __init__(self, run: RunDir, stream: BatchStream, precision: Precision) -> None:
        self.under_way = False
        """Whether ``validate`` is running, or was left by an exception."""
        self._run = run
        self._stream = stream
        self._precision = precision
        self._folding = Folding(precision)
        self._seen: list[int] = []
        self.kept = b""
        """The content of ``validation.csv`` as ``keep`` last wrote it; empty if it couldn't be written."""

    def validate(
        self, model: nn.Module, poll: Callable[[], object], *, label_smoothing: float, epoch: int,
        while_waiting: Poll = lambda _: None,
    ) -> Evaluation:  # fmt: skip
        """Evaluate ``model`` on the validation images.

        ``poll`` is called before each batch, ``while_waiting`` while waiting for images, as by ``Loader.batches``;
        either may raise to leave. Raises UserError if no image can be read, NonFiniteError if the loss is NaN or
        infinite.
        """
        self._seen, self.under_way = [], True

        def polled() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for batch in self._stream.val(while_waiting):
                poll()
                if len(batch):
                    self._seen += batch.indices.tolist()
                    yield batch.images, batch.labels

        most = len(self._stream.data.val)
        result = evaluate(self._folding(model), polled(), most, label_smoothing, self._precision)
        self.under_way = False
        if not result.seen:
            raise UserError("none of the validation images can be read")
        if not math.isfinite(result.loss_sum):
            raise NonFiniteError("the validation loss is not finite", epoch, 0)
        return result

    def keep(self, result: Evaluation) -> None:
        """Write the predictions of ``result``, the newest evaluation, to ``validation.csv``. Raises OSError."""
        val, classes = self._stream.data.val, self._stream.data.classes
        predictions = zip(self._seen, result.predicted.tolist(), result.confidence.tolist(), strict=True)
        self.kept = b""
        self.kept = write_judged(
            self._run.validation,
            [
                Judged(
                    encodable(str(val.paths[index])), classes[val.labels[index]], classes[label], confidence
                )
                for index, label, confidence in predictions
            ],
        )
