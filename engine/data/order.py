"""Which images make which step: the permutation of an epoch cut into batches, and mixup's pairs."""

import numpy as np
import numpy.typing as npt

from engine.compute.rng import Purpose, stream

Indices = npt.NDArray[np.int64]


def train_batches(count: int, batch_size: int, *, seed: int, epoch: int) -> list[Indices]:
    """Return the epoch's batches of indices into ``count`` images, shuffled.

    The last batch is the rest; a rest of one image joins the batch before it, because batch statistics
    of a single image are undefined.
    """
    order = stream(seed, Purpose.ORDER, epoch).permutation(count)
    batches = plain_batches(order, batch_size)
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches


def plain_batches(order: Indices, batch_size: int) -> list[Indices]:
    """Cut ``order`` into batches, the last one perhaps shorter."""
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def sample_mixup(
    alpha: float, count: int, *, seed: int, epoch: int, step: int
) -> tuple[float, npt.NDArray[np.int64]]:
    """Return lambda ~ Beta(alpha, alpha), and for each of ``count`` images the partner it is mixed with.

    ``alpha`` must be above 0; the partners are a random permutation of the batch.
    """
    rng = stream(seed, Purpose.MIXUP, epoch, step)
    return float(rng.beta(alpha, alpha)), rng.permutation(count)
