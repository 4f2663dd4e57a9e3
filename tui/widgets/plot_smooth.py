"""An exponential mean of a curve, without the pull of its beginning towards zero."""

import math
from collections.abc import Sequence


def smooth(values: Sequence[float], weight: float) -> list[float]:
    """Return the mean up to each value, in which each earlier one counts ``weight`` (0 to 1) as much as the next.

    As TensorBoard's scalar charts do it: divided by 1 - weight**n after n values (the bias correction of Adam,
    Kingma and Ba 2015, section 3). What is not finite stays as it is and does not count.
    """
    mean, decay = 0.0, 1.0
    out = []
    for value in values:
        if math.isfinite(value):
            mean = weight * mean + (1 - weight) * value
            decay *= weight
            out.append(mean / (1 - decay))
        else:
            out.append(value)
    return out
