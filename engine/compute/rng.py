"""Random draws as pure functions of (seed, purpose, epoch, index): no generator state to save or share.

Counter-based generators (Salmon et al. 2011, Philox) make a fresh, independent stream from its coordinates
alone, so that any worker, rank or resumed run draws the very same numbers.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for; streams of different purposes never overlap."""

    SPLIT = 1
    ORDER = 2
    AUGMENT = 3
    MIXUP = 4
    STEP = 5
    HEAD = 6
    AUTOENCODER = 7


def stream(seed: int, purpose: Purpose, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """Return the generator at these coordinates; each of them is at least 0 and below 2**64."""
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=[0, 0, index, epoch]))


def step_seed(seed: int, epoch: int, step: int) -> int:
    """Return the seed (63 bits) of what a training step draws on the device: dropout, stochastic depth."""
    return int(stream(seed, Purpose.STEP, epoch, step).integers(2**63))
