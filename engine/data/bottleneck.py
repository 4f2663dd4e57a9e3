"""Advice for a run whose training waits for images."""

from engine.core.cores import available_cores
from engine.recipe.sections import Data

WORTH_SAYING = 0.1
"""Fraction of an epoch's time spent waiting from which on advice is given."""


def advice(waited: float, taken: float, data: Data, workers: int, kept: str) -> str:
    """Return advice if the device waited for images for ``waited`` of ``taken`` seconds, "" below ``WORTH_SAYING``.

    ``workers`` is the number of image processes, ``kept`` the cache in use, as ``CachePlan.where`` describes it.
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
        ways.append("lower data.train_size or disable transforms in [augment]")
    else:
        ways.append("move the images to a faster disk")
    return f"training waited for images {100 * waited / taken:.0f} % of an epoch: {', or '.join(ways)}"
