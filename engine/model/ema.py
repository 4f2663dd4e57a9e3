"""Exponential moving average (EMA) of a model's weights, often more accurate than the latest weights."""

import copy
from itertools import chain

import torch
from torch import nn


class ModelEma:
    """Moving average of the weights and batch-norm statistics of ``model``, in ``module``, a copy on the same device.

    The average starts at the model's weights. Each ``update`` sets it to d * average + (1 - d) * weights (Polyak &
    Juditsky 1992; exponential as in Tan & Le 2019). Integer buffers, such as ``num_batches_tracked``, are copied.

    d is warmed up to ``decay``, which is in 0 to 1: d = min(decay, (1 + t) / (10 + t)) in step t, as in TensorFlow's
    ExponentialMovingAverage with ``num_updates``. It reaches 0.9 in step 80, 0.99 in step 890 and 0.999 in step 8,990.
    With d = 0.999 from the first step, the initial weights would still make up 37 % of the average after 1,000 steps;
    in a short run accuracy would stay at chance level until early stopping ends it.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(model).requires_grad_(False).eval()
        pairs = list(zip(_tensors(self.module), _tensors(model), strict=True))
        self._averages = [average for average, _ in pairs if average.is_floating_point()]
        self._weights = [weight for average, weight in pairs if average.is_floating_point()]
        self._counts = [(average, count) for average, count in pairs if not average.is_floating_point()]
        self._decay = decay

    def decay_in(self, step: int | None) -> float:
        """Return the decay d of ``step``, counted from 1; None means that the step is unknown, past the warm-up."""
        return self._decay if step is None else min(self._decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def update(self, step: int | None) -> None:
        """Update the average with the model's weights after ``step``, without synchronising the device."""
        torch._foreach_lerp_(self._averages, self._weights, 1 - self.decay_in(step))
        for average, count in self._counts:
            average.copy_(count)


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    return list(chain(module.parameters(), module.buffers()))
