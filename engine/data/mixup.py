"""Mixup (Zhang et al. 2018; REPORT.md section 3): pairs of images, one lambda a batch."""

import numpy as np
import numpy.typing as npt

from engine.rng import Purpose, stream


def draw_mix(
    alpha: float, count: int, *, seed: int, epoch: int, step: int
) -> tuple[float, npt.NDArray[np.int64]]:
    """Return lambda ~ Beta(alpha, alpha), and for each of ``count`` images the partner it is mixed with.

    ``alpha`` must be above 0; the partners are a random permutation of the batch.
    """
    rng = stream(seed, Purpose.MIXUP, epoch, step)
    return float(rng.beta(alpha, alpha)), rng.permutation(count)
