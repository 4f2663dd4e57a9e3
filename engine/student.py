"""A mean of few numbers, and how far it can be trusted."""

from collections.abc import Sequence
from functools import cache
from math import atan, cos, fsum, pi, sin, sqrt
from typing import NamedTuple

_INSIDE = 0.95


class Mean(NamedTuple):
    """``low`` and ``high`` are the 95 % interval; None for a single number, which says nothing of the spread."""

    mean: float
    low: float | None
    high: float | None
    n: int


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean with Student's t interval (1908). Raises ValueError for no values."""
    n = len(values)
    if not n:
        raise ValueError("no values have no mean")
    mean = fsum(values) / n
    if n == 1:
        return Mean(mean, None, None, 1)
    reach = t_quantile(n - 1) * sqrt(fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    return Mean(mean, mean - reach, mean + reach, n)


@cache
def t_quantile(degrees: int) -> float:
    """Return t so that 95 % of Student's distribution of ``degrees`` (from 1) of freedom lie within -t to t."""
    low, high = 0.0, 1.0
    while _within(high, degrees) < _INSIDE:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < _INSIDE else (low, middle)
    return high


def _within(t: float, degrees: int) -> float:
    """The share within -t to t: Abramowitz and Stegun 1964, 26.7.3 (odd) and 26.7.4 (even)."""
    angle = atan(t / sqrt(degrees))
    odd = degrees % 2
    term = cos(angle) if odd else 1.0
    total = term if degrees > 1 else 0.0
    for number in range(2 + odd, degrees - 1, 2):
        term *= cos(angle) ** 2 * (number - 1) / number
        total += term
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
