"""Scale greyscale and colour values of more than 8 bits to 8 bits."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
"""Pixel values (height, width) or (height, width, bands): integers or floats of any size."""

_ROWS = 64
_SAMPLE = 1 << 20
_STRAY = 0.1
"""Per cent of the values at each end that don't decide the scale: dead and hot pixels, markers of missing data."""
_BITS = (8, 10, 12, 14, 16)
_SLACK = 0.02


class Scale(NamedTuple):
    """The values that become 0 and 255; ``guess`` says how they were chosen, "" if the file or its type says so."""

    black: float
    white: float
    guess: str = ""


def scale_of(values: Values, declared: tuple[float, float] | None = None) -> Scale:
    """Return the scale of ``values``; ``declared`` is the range that the file states, used if the values fit into it.

    Unsigned integers are taken as 8, 10, 12, 14 or 16 bits, then any number of bits, whichever is the first that holds
    them: cameras and scanners store 12 bits in 16. Floats are taken as 0 to 1, -1 to 1 or 0 to 255. Other values are
    stretched over their range. A share of 0.1 % at each end is ignored in this choice.
    """
    low, high = _range(values)
    if declared is not None and declared[0] <= low and high <= declared[1] and declared[0] < declared[1]:
        return Scale(*declared)
    if values.dtype.kind == "f":
        return _float_scale(low, high)
    if low < 0:
        return Scale(low, high, "signed values: their range stretched to black and white")
    whole = values.dtype.itemsize * 8
    needed = max(1, int(high)).bit_length()
    bits = next((bits for bits in _BITS if needed <= bits), needed)
    guess = "" if bits == whole else f"{whole}-bit values read as {bits}-bit, which their largest fits"
    return Scale(0, 2**bits - 1, guess)


def _float_scale(low: float, high: float) -> Scale:
    if low >= -_SLACK and high <= 1 + _SLACK:
        return Scale(0, 1)
    if low >= -1 - _SLACK and high <= 1 + _SLACK:
        return Scale(-1, 1, "floats from -1 to 1: -1 read as black")
    # From a few times white on, 0 to 255 is the likelier meaning.
    if low >= -_SLACK * 255 and 16 <= high <= 255 * (1 + _SLACK):
        return Scale(0, 255, "floats to 255: 255 read as white")
    low = min(low, 0) if high < 16 else low
    return Scale(low, high, "floats: their range stretched to black and white")


def _range(values: Values) -> tuple[float, float]:
    """Return the smallest and largest value without stray ones; (0, 0) if none is finite."""
    step = max(1, int((values.size / _SAMPLE) ** 0.5))
    sample = values[::step, ::step].ravel()
    if sample.dtype.kind == "f":
        sample = sample[np.isfinite(sample)]
        if not len(sample):
            return 0.0, 0.0
    low = float(np.percentile(sample, _STRAY, method="higher"))
    high = float(np.percentile(sample, 100 - _STRAY, method="lower"))
    return (low, high) if low < high else (float(sample.min()), float(sample.max()))


def eight_bit(values: Values, scale: Scale, *, inverted: bool = False) -> npt.NDArray[np.uint8]:
    """Return ``values`` in 0 to 255 by ``scale``, of the same shape; ``inverted`` if low values are white.

    Values outside the scale are clipped; what is no number becomes 0.
    """
    result = np.empty(values.shape, np.uint8)
    times = 255.0 / ((scale.white - scale.black) or 1.0)
    # A few rows at a time, because float64 takes eight times the memory of the result.
    for start in range(0, len(values), _ROWS):
        part = (values[start : start + _ROWS].astype(np.float64) - scale.black) * times
        part = np.clip(np.nan_to_num(np.rint(part), posinf=255, neginf=0), 0, 255)
        result[start : start + _ROWS] = 255 - part if inverted else part
    return result
