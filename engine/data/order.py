"""The order of training images: the batches of each epoch, and the pairs of mixup."""

import numpy as np
import numpy.typing as npt

from engine.compute.rng import Purpose, stream

Indices = npt.NDArray[np.int64]
"""Positions (n,) of images in their split."""


def train_batches(count: int, batch_size: int, *, seed: int, epoch: int) -> list[Indices]:
    """Return the shuffled batches of ``epoch``, indices into ``count`` images.

    The last batch holds the remainder. A remainder of one image is merged into the batch before it, because batch
    statistics of a single image are undefined.
    """
    order = stream(seed, Purpose.ORDER, epoch).permutation(count)
    batches = plain_batches(order, batch_size)
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches


def plain_batches(order: Indices, batch_size: int) -> list[Indices]:
    """Return ``order`` split into batches; the last one may be smaller."""
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def sample_mixup(
    alpha: float, count: int, *, seed: int, epoch: int, step: int
) -> tuple[float, npt.NDArray[np.int64]]:
    """Return ``lam`` and ``permutation`` for the batch of one step (Zhang et al. 2018; method.md, Mixup).

    ``lam`` ~ Beta(alpha, alpha), in 0 to 1, is the weight of image i, and 1 - ``lam`` that of its partner
    ``permutation[i]``; ``permutation`` has shape (count,). ``alpha`` must be positive.
    """
    rng = stream(seed, Purpose.MIXUP, epoch, step)
    lam = float(rng.beta(alpha, alpha))
    permutation = rng.permutation(count)
    return lam, permutation
