"""How far an accuracy can be trusted: intervals, paired tests and means of few seeds."""

from collections.abc import Sequence
from functools import cache
from math import atan, comb, cos, fsum, pi, sin, sqrt
from typing import NamedTuple

_Z = 1.959963984540054  # the normal distribution's 97.5 % point: 2.5 % are left out on either side


def wilson(correct: int, seen: int) -> tuple[float, float]:
    """Return the 95 % score interval (Wilson 1927) of a share of ``correct`` among ``seen``, in percent.

    Unlike the share plus and minus its standard error, it stays within 0 to 100 and is of use near both
    ends and for few images. Raises ValueError unless 0 <= ``correct`` <= ``seen`` and ``seen`` > 0.
    """
    if not 0 <= correct <= seen or not seen:
        raise ValueError(f"{correct} of {seen} is no share")
    share, per_image = correct / seen, _Z * _Z / seen
    middle = share + per_image / 2
    reach = _Z * sqrt((share * (1 - share) + per_image / 4) / seen)
    low, high = ((middle + side) / (1 + per_image) for side in (-reach, reach))
    # Rounding must not put the share itself outside, as it would at none and at all.
    return 100 * min(max(0.0, low), share), 100 * max(min(1.0, high), share)


_NEGLIGIBLE = 1e-18


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p (0 to 1) of McNemar's test.

    ``first_only`` images were right by the first classifier alone, ``second_only`` by the second alone; images
    that both have right or both have wrong say nothing. If neither is better, each of the n images that tell
    them apart falls to either side like a coin: the binomial distribution of n and 1/2. Right to 12
    digits; takes 50 ms for n = 50,000. Sources: McNemar 1947; Dietterich 1998, section 3.1. Raises ValueError for
    a negative number.
    """
    if first_only < 0 or second_only < 0:
        raise ValueError(f"{first_only} and {second_only} are no numbers of images")
    number, fewer = first_only + second_only, min(first_only, second_only)
    # The tail from its largest probability down, each as a multiple of that one.
    share = total = 1.0
    for images in range(fewer, 0, -1):
        share *= images / (number - images + 1)
        total += share
        if share < _NEGLIGIBLE:
            break
    # Both tails hold the middle where the two are equal.
    return min(1.0, 2 * total * (comb(number, fewer) / (1 << number)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return each p corrected for there being several tests (Holm 1979), in the order given.

    With all that stay below 0.05, the chance that any of them is a false alarm is at most 5 %.
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        corrected[at] = largest
    return corrected


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
