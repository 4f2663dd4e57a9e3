"""The running mean of a model's weights over the steps, which often judges better than the last of them."""

import copy
from itertools import chain

import torch
from torch import nn


class RunningMean:
    """``module`` is a copy of ``model``, on its device, that holds the exponential moving average of its weights.

    It starts at the model's own weights; each ``update`` makes it decay * mean + (1 - decay) * weights
    (Polyak & Juditsky 1992; with a decay, as in Tan & Le 2019), batch-norm statistics included. Whole numbers,
    such as the count of batches, are copied. ``decay`` is in 0 to 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(model).requires_grad_(False).eval()
        pairs = list(zip(_tensors(self.module), _tensors(model), strict=True))
        self._means = [mean for mean, _ in pairs if mean.is_floating_point()]
        self._weights = [weight for mean, weight in pairs if mean.is_floating_point()]
        self._counts = [(mean, count) for mean, count in pairs if not mean.is_floating_point()]
        self._decay = decay

    @torch.no_grad()
    def update(self) -> None:
        """Take the model's weights as they are now into the mean, without waiting for the device."""
        torch._foreach_lerp_(self._means, self._weights, 1 - self._decay)
        for mean, count in self._counts:
            mean.copy_(count)


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    return list(chain(module.parameters(), module.buffers()))
