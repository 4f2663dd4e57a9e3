"""The running mean of a model's weights over the steps, which often judges better than the last of them."""

import copy
from itertools import chain

import torch
from torch import nn


class ModelEma:
    """``module`` is a copy of ``model``, on its device, that holds the exponential moving average of its weights.

    It starts at the model's own weights; each ``update`` makes it d * mean + (1 - d) * weights
    (Polyak & Juditsky 1992; with a decay, as in Tan & Le 2019), batch-norm statistics included. Whole numbers,
    such as the count of batches, are copied.

    In the first steps d is lower than ``decay``, 0 to 1: min(decay, (1 + t) / (10 + t)) in step t, as in
    TensorFlow's ExponentialMovingAverage with ``num_updates``. With d = 0.999 from the first step on, the weights
    that training began with would still be 37 % of the mean after 1,000 steps: its accuracy stays at chance, and
    early stopping keeps it there. The ramp reaches 0.9 in step 80, 0.99 in step 890 and 0.999 in step 8,990.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(model).requires_grad_(False).eval()
        pairs = list(zip(_tensors(self.module), _tensors(model), strict=True))
        self._means = [mean for mean, _ in pairs if mean.is_floating_point()]
        self._weights = [weight for mean, weight in pairs if mean.is_floating_point()]
        self._counts = [(mean, count) for mean, count in pairs if not mean.is_floating_point()]
        self._decay = decay

    def decay_in(self, step: int | None) -> float:
        """Return d of ``step``, counted from 1; None is a step of a run whose count isn't known: past the ramp."""
        return self._decay if step is None else min(self._decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def update(self, step: int | None) -> None:
        """Take the model's weights after ``step`` into the mean, without waiting for the device."""
        torch._foreach_lerp_(self._means, self._weights, 1 - self.decay_in(step))
        for mean, count in self._counts:
            mean.copy_(count)


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    return list(chain(module.parameters(), module.buffers()))
