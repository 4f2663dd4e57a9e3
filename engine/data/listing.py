"""What a checkpoint keeps of a run's images, to tell at a resume whether they are still the same ones."""

import os
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from engine.data.images import ImageSet

Keys = npt.NDArray[np.int64]
"""A hash of class and file name for each image, in order: the folder that holds the classes may move."""


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """``active`` says of each training image whether it takes part in the epoch under way."""

    train: Keys
    val: Keys
    active: npt.NDArray[np.bool_]


def keys_of(images: ImageSet, classes: list[str]) -> Keys:
    """Return the key of each image; 2 µs each."""
    names = [os.fsencode(name) for name in classes]
    keys = bytearray()
    for path, label in zip(images.paths, images.labels, strict=True):
        keys += blake2b(names[label] + b"/" + os.fsencode(path.name), digest_size=8).digest()
    return np.frombuffer(keys, "<i8").astype(np.int64)


def difference(before: Keys, now: Keys, what: str) -> str:
    """Return in words how ``now`` differs from ``before``, "" where it doesn't; ``what`` is one of the images."""
    if np.array_equal(before, now):
        return ""
    more, fewer = (
        int(np.isin(one, other, invert=True).sum()) for one, other in ((now, before), (before, now))
    )
    parts = [f"{_count(more, what)} more"] if more else []
    parts += [f"{fewer:,} fewer" if more else f"{_count(fewer, what)} fewer"] if fewer else []
    return ", ".join(parts) or f"the {what}s are listed in another order"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
