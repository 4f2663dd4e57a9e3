"""Where values lie on an axis, and at which of them it is labelled."""

import math
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from ``low`` to ``high``, both finite and ``low`` < ``high``; with ``log``, ``low`` is positive."""

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Return where ``value`` lies: 0 at ``low``, 1 at ``high``; below 0 what a logarithm does not have."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return -1.0
        return math.log(value / self.low) / math.log(self.high / self.low)


def linear(values: list[float], rows: int, *, floor: float = -math.inf, ceiling: float = math.inf) -> Scale:
    """Return a scale around finite values, its ends round numbers within ``floor`` and ``ceiling``."""
    least, most = min(values), max(values)
    wanted = max(1, rows // 3)
    spread = max(most - least, abs(most) * 1e-3, 1e-9)
    step = _round_step(spread / wanted)
    low = max(floor, math.floor(least / step) * step)
    high = min(ceiling, math.ceil(most / step) * step)
    if high <= low:
        low, high = max(floor, low - step), min(ceiling, high + step)
    first = math.ceil(low / step - 1e-9)
    ticks = [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]
    return Scale(low, high, False, tuple(ticks))


def logarithmic(values: list[float], rows: int) -> Scale:
    """Return a scale around positive values, labelled at 1, 2 and 5 of each power of ten as room allows.

    Within less than a power of ten it is labelled as a linear one is.
    """
    least, most = min(values), max(values)
    low, high = least / 1.02, most * 1.02
    if most < 10 * least:
        near = tuple(tick for tick in linear(values, rows).ticks if low <= tick <= high)
        return Scale(low, high, True, near if len(near) > 1 else (least, most)[: 1 + (most > least)])
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((1.0,), _STEPS, tuple(float(step) for step in range(1, 10))):
        found = [step * 10.0**power for power in decades for step in steps]
        found = [tick for tick in found if low <= tick <= high]
        if not ticks or len(found) <= max(2, rows // 2):
            ticks = found
    while len(ticks) > max(2, rows // 2):
        ticks = ticks[::2]
    return Scale(low, high, True, tuple(ticks if len(ticks) > 1 else [least, most]))


def epoch_ticks(first: float, last: float, width: int) -> list[int]:
    """Return round epochs between two, not closer than about ten cells."""
    step = max(1, round(_round_step((last - first) / max(1, width // 10))))
    start = math.ceil(first / step) * step
    ticks = list(range(start, math.floor(last) + 1, step))
    return ticks if first > 1 or ticks[:1] == [1] else [1, *[tick for tick in ticks if tick > step / 2]]


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(max(least, 1e-12)))
    return next((step * power for step in _STEPS if step * power >= least * (1 - 1e-9)), 10 * power)
