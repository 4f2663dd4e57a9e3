"""What a detector says of a class: an error for each of its images, and the threshold."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

FEWEST = 5
"""A class with fewer training images than this is not judged: a percentile of so few says nothing."""


@dataclass(frozen=True, slots=True)
class ClassVerdict:
    """``errors`` has one for each judged image, whose indices into the training set are ``images``.

    ``looks_like`` has for each of them the class index that it resembles more than its own, -1 for none; it is
    empty where the method can't say.
    """

    label: int
    images: list[int]
    errors: list[float]
    first_threshold: float
    largest_val_error: float | None
    threshold: float
    relaxed: bool
    looks_like: list[int] = field(default_factory=list)
    note: str = ""

    @property
    def flagged(self) -> list[int]:
        """The positions in ``images`` of the outliers."""
        if len(self.images) < FEWEST:
            return []
        return [place for place, error in enumerate(self.errors) if error > self.threshold]

    @property
    def flagged_like(self) -> list[int]:
        """For each of ``flagged`` the class index that it resembles more than its own, -1 for none."""
        return [self.looks_like[place] if self.looks_like else -1 for place in self.flagged]


def judge(
    label: int, images: Sequence[int], errors: Sequence[float], val_errors: Sequence[float], *,
    percentile: float, relax: float, looks_like: Sequence[int] = (),
) -> ClassVerdict:  # fmt: skip
    """Set a class's threshold as method.md, Outlier detection does.

    It is the ``percentile`` (linear interpolation) of the training errors; where the largest validation error is
    above that, it is ``relax`` times the largest validation error (0: never).
    """
    if not errors:
        return ClassVerdict(label, [], [], 0.0, None, 0.0, False, note="no image could be read")
    first = float(np.percentile(np.asarray(errors, np.float64), percentile))
    largest = max(val_errors, default=None)
    relaxed = largest is not None and relax > 0 and largest > first
    threshold = relax * largest if relaxed and largest is not None else first
    note = "" if largest is not None else "no validation images: the percentile stands"
    if len(errors) < FEWEST:
        note = f"fewer than {FEWEST} images: none is judged"
    return ClassVerdict(
        label, list(images), list(errors), first, largest, threshold, relaxed, list(looks_like), note
    )
