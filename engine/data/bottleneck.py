"""Does training wait for its images? If so, what to change, in one sentence."""

from engine.core.cores import available_cores
from engine.recipe.sections import Data

WORTH_SAYING = 0.1
"""Share of an epoch's steps spent waiting from which on it is told."""


def advice(waited: float, taken: float, data: Data, workers: int, kept: str) -> str:
    """Return what to change when for ``waited`` of ``taken`` seconds the device had no images, else nothing.

    ``workers`` are the image processes there are, ``kept`` says where decoded images are kept.
    """
    if taken <= 0 or waited / taken < WORTH_SAYING:
        return ""
    cores = available_cores()
    ways = []
    if workers < cores:
        ways.append(f"raise data.workers (now {workers}, {cores} cores)")
    if kept.startswith("nowhere"):
        ways.append("set data.cache=auto")
    elif kept.startswith("on disk"):
        ways.append("set data.cache=memory with a data.cache_mb that the machine can spare")
    if kept.startswith("in memory"):
        ways.append("lower data.train_size or leave out transforms of [augment]")
    else:
        ways.append("move the images to a faster disk")
    return f"training waited for images {100 * waited / taken:.0f} % of an epoch: {', or '.join(ways)}"
