"""A class's verdict: the error of each image, and the threshold above which an image is an outlier."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

FEWEST = 5
"""Minimum number of readable training images for a class to have outliers: a percentile of fewer is meaningless."""


@dataclass(frozen=True, slots=True)
class ClassVerdict:
    """Errors and threshold of one class (method.md, Outlier detection)."""

    label: int
    images: list[int]
    """Indices into the training set of the images that could be read."""
    errors: list[float]
    """One for each of ``images``."""
    first_threshold: float
    """The percentile of ``errors``."""
    largest_val_error: float | None
    """None for a class without validation images."""
    threshold: float
    relaxed: bool
    """Whether ``threshold`` was derived from ``largest_val_error`` instead of the percentile."""
    looks_like: list[int] = field(default_factory=list)
    """For each of ``images``, the index of the class it resembles more than its own, or -1. Empty if the method
    doesn't provide it."""
    note: str = ""
    """How the threshold departs from the report's rule, and why; "" if it doesn't."""

    @property
    def flagged(self) -> list[int]:
        """Positions in ``images`` of the outliers."""
        if len(self.images) < FEWEST:
            return []
        return [place for place, error in enumerate(self.errors) if error > self.threshold]

    @property
    def flagged_like(self) -> list[int]:
        """For each of ``flagged``, the index of the class it resembles more than its own, or -1."""
        return [self.looks_like[place] if self.looks_like else -1 for place in self.flagged]


def judge(
    label: int, images: Sequence[int], errors: Sequence[float], val_errors: Sequence[float], *,
    percentile: float, relax: float, looks_like: Sequence[int] = (),
) -> ClassVerdict:  # fmt: skip
    """Return a class's verdict with the threshold of method.md, Outlier detection.

    The threshold is the ``percentile`` (0 to 100, linear interpolation) of the training errors. If the largest
    validation error is above it, the threshold is ``relax`` times that error instead, unless ``relax`` is 0.
    """
    if not errors:
        return ClassVerdict(label, [], [], 0.0, None, 0.0, False, note="no image could be read")
    first = float(np.percentile(np.asarray(errors, np.float64), percentile))
    largest = max(val_errors, default=None)
    relaxed = largest is not None and relax > 0 and largest > first
    threshold = relax * largest if relaxed and largest is not None else first
    note = "" if largest is not None else "no validation images: the percentile stands"
    if len(errors) < FEWEST:
        note = f"fewer than {FEWEST} images, so none is an outlier"
    return ClassVerdict(
        label, list(images), list(errors), first, largest, threshold, relaxed, list(looks_like), note
    )
