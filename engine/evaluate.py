"""Validation: loss, top-1 accuracy and the confusion matrix, all as sums that could be added over ranks."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from engine.device import Precision
from engine.progress import Cells

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
