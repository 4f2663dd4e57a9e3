"""Numbers as a person reads them: durations, rates, sizes, times of day."""

import math
import time


def duration(seconds: float) -> str:
    """``0:07``, ``12:40``, ``1:02:11``, ``3 d 04:10``."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours >= 48:
        return f"{hours // 24} d {hours % 24:02d}:{minutes:02d}"
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def rate(images_per_s: float) -> str:
    if not math.isfinite(images_per_s):
        return "?"
    return f"{images_per_s:,.0f}" if images_per_s >= 1000 else f"{images_per_s:.1f}"


def size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def percent(value: float) -> str:
    return f"{value:.2f} %"


def clock(t: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(t))


def moment(t: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(t))


def learning_rate(lr: float) -> str:
    """As the training log prints it; a rate too small for nine decimals in scientific notation."""
    return f"{lr:.9f}" if lr == 0 or lr >= 1e-7 else f"{lr:.3e}"


def score(monitor: str, value: float | None) -> str:
    """The monitored score: a percentage or a loss."""
    if value is None:
        return "none yet"
    return percent(value) if monitor == "val_acc" else f"loss {value:.5f}"
