"""Random streams as pure functions of (seed, purpose, epoch, index), without generator state to save or share.

Counter-based generators (Philox; Salmon et al. 2011) create independent streams directly from these coordinates, so
every worker, rank or resumed run draws the same numbers.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """The use of a stream. Streams of different purposes never overlap; values must not change between versions."""

    SPLIT = 1
    ORDER = 2
    AUGMENT = 3
    MIXUP = 4
    STEP = 5
    HEAD = 6
    AUTOENCODER = 7


def stream(seed: int, purpose: Purpose, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """Return the generator for these coordinates, each in 0 to 2**64 - 1."""
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=[0, 0, index, epoch]))


def step_seed(seed: int, epoch: int, step: int) -> int:
    """Return the seed (63 bits) of random operations on the device in a training step: dropout, stochastic depth."""
    return int(stream(seed, Purpose.STEP, epoch, step).integers(2**63))
