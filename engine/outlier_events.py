"""Events of the outlier stage (REPORT.md section 1) and of what was decided on its findings."""

from typing import TypeAlias

import msgspec

from engine.event import Event


class OutlierProgress(Event, frozen=True):
    """How many images the outlier stage has read, of the training and validation images together."""

    done: int
    total: int


class AutoencoderEpoch(Event, frozen=True):
    """One of a class's autoencoders (REPORT.md section 1) was trained for another epoch."""

    class_name: str
    class_index: int
    """From 1."""
    classes: int
    epoch: int
    epochs: int
    loss: float


class ThresholdSet(Event, frozen=True):
    """A class was judged. Every training image of it that could be read has its error here."""

    class_name: str
    threshold: float
    largest_val_error: float | None
    """None for a class without validation images: its threshold is the percentile."""
    relaxed: bool
    """Whether ``largest_val_error`` was above the percentile and so made the threshold."""
    images: int
    first_threshold: float = 0.0
    """The percentile of the training errors."""
    files: list[str] = msgspec.field(default_factory=list)
    """File names inside the class's folder, sorted as text."""
    errors: list[float] = msgspec.field(default_factory=list)
    """One for each of ``files``."""
    flagged: list[int] = msgspec.field(default_factory=list)
    """The positions in ``files`` of the outliers: error > threshold."""
    looks_like: list[str] = msgspec.field(default_factory=list)
    """For each of ``flagged`` the class that it resembles more than its own; "" for none, or where the method
    can't say."""
    note: str = ""
    """Why the threshold isn't the report's: too few images, so that none is an outlier, or none to validate."""


class OutlierExcluded(Event, frozen=True):
    """A training image is left out from epoch ``from_epoch`` on."""

    class_name: str
    path: str
    error: float
    threshold: float
    action: str
    """"exclude": the file is where it was; "quarantine": it was moved; "delete"."""
    sha256: str = ""
    looks_like: str = ""
    """The class that it resembles more than its own; empty where the method can't say."""
    moved_to: str = ""
    from_epoch: int = 1
    by: str = ""
    """Who asked, as user@host; empty for the outlier stage itself."""


class OutlierRestored(Event, frozen=True):
    """A training image that was left out takes part again, from epoch ``from_epoch`` on."""

    class_name: str
    path: str
    from_epoch: int = 1
    by: str = ""


class OutliersDone(Event, frozen=True):
    excluded: int
    images: int


OutlierEvent: TypeAlias = (
    AutoencoderEpoch | ThresholdSet | OutlierExcluded | OutlierRestored | OutliersDone | OutlierProgress
)
