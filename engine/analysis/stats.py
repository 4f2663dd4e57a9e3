"""Statistics of accuracies: confidence intervals, paired tests, and means over a few seeds."""

from collections.abc import Sequence
from functools import cache
from math import atan, comb, cos, fsum, pi, sin, sqrt
from typing import NamedTuple

_Z = 1.959963984540054  # 97.5 % quantile of the normal distribution


def wilson(correct: int, seen: int) -> tuple[float, float]:
    """Return the 95 % score interval (Wilson 1927) of the proportion ``correct`` / ``seen``, in percent.

    Unlike the normal approximation, it stays within 0 to 100 and is accurate near both ends and for few images. Raises
    ValueError unless 0 <= ``correct`` <= ``seen`` and ``seen`` > 0.
    """
    if not 0 <= correct <= seen or not seen:
        raise ValueError(f"{correct} of {seen} is not a proportion")
    p, per_image = correct / seen, _Z * _Z / seen
    middle = p + per_image / 2
    reach = _Z * sqrt((p * (1 - p) + per_image / 4) / seen)
    low, high = ((middle + side) / (1 + per_image) for side in (-reach, reach))
    # Rounding must not exclude the proportion itself, as it would for 0 and 100 %.
    return 100 * min(max(0.0, low), p), 100 * max(min(1.0, high), p)


_NEGLIGIBLE = 1e-18


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p-value (0 to 1) of McNemar's test.

    ``first_only`` is the number of images that only the first classifier has right, ``second_only`` the number that
    only the second has right. Images that both have right or both have wrong carry no information. Under the null
    hypothesis ``first_only`` is binomial with n = ``first_only`` + ``second_only`` and probability 1/2.

    Accurate to 12 digits; takes 50 ms for n = 50,000. Sources: McNemar 1947; Dietterich 1998, section 3.1. Raises
    ValueError for a negative number.
    """
    if first_only < 0 or second_only < 0:
        raise ValueError(f"numbers of images must not be negative: {first_only}, {second_only}")
    number, fewer = first_only + second_only, min(first_only, second_only)
    # Sum of the tail's probabilities, largest first, as multiples of the largest.
    term = total = 1.0
    for images in range(fewer, 0, -1):
        term *= images / (number - images + 1)
        total += term
        if term < _NEGLIGIBLE:
            break
    # If the two numbers are equal, both tails include the middle, and the sum would exceed 1.
    return min(1.0, 2 * total * (comb(number, fewer) / (1 << number)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for multiple tests (Holm 1979), in the order given.

    If tests are called significant when their corrected p is below 0.05, the probability of any false positive is at
    most 5 %.
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        corrected[at] = largest
    return corrected


_INSIDE = 0.95


class Mean(NamedTuple):
    """A mean of ``n`` values with its 95 % interval."""

    mean: float
    low: float | None
    """None for a single value, which has no interval."""
    high: float | None
    """None for a single value, which has no interval."""
    n: int


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean with Student's t interval (1908). Raises ValueError if ``values`` is empty."""
    n = len(values)
    if not n:
        raise ValueError("mean of no values")
    mean = fsum(values) / n
    if n == 1:
        return Mean(mean, None, None, 1)
    reach = t_quantile(n - 1) * sqrt(fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    return Mean(mean, mean - reach, mean + reach, n)


@cache
def t_quantile(degrees: int) -> float:
    """Return t such that Student's distribution with ``degrees`` (>= 1) of freedom has 95 % within -t to t."""
    low, high = 0.0, 1.0
    while _within(high, degrees) < _INSIDE:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < _INSIDE else (low, middle)
    return high


def _within(t: float, degrees: int) -> float:
    """Return the probability of -t to t. Source: Abramowitz and Stegun 1964, 26.7.3 (odd) and 26.7.4 (even)."""
    angle = atan(t / sqrt(degrees))
    odd = degrees % 2
    term = cos(angle) if odd else 1.0
    total = term if degrees > 1 else 0.0
    for number in range(2 + odd, degrees - 1, 2):
        term *= cos(angle) ** 2 * (number - 1) / number
        total += term
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
