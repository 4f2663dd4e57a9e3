"""The typed events of a run's journal, one JSON object per line.

Each event carries what its panel shows, so that no view computes what the engine already knows. Epochs and
steps count from 1. Accuracies are percents (0 to 100), losses mean cross-entropies, times seconds since the
Unix epoch, durations seconds, sizes bytes, learning rates as the optimiser has them.
"""

import math
import re
from typing import Annotated, Literal, TypeAlias

import msgspec

Time = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
"""Seconds since the Unix epoch, up to the year 5138: more a calendar can't tell."""


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=_snake):
    """The envelope of every event: its place in the journal (``seq``, from 1) and its time."""

    seq: int = 0
    t: Time = 0.0


class Paused(Event, frozen=True):
    epoch: int
    step: int


class Resumed(Event, frozen=True):
    epoch: int
    step: int
    paused_for: float


class CommandAccepted(Event, frozen=True):
    id: str
    name: str
    by: str
    """Who asked, as user@host."""
    detail: str = ""
    pid: int = 0
    """The process on that host that sent it: a console, or ``vrdl-tui send``; 0 in journals of older versions."""
    sent: float = 0.0
    """When, by that host's clock; 0 in journals of older versions."""


class CommandRejected(Event, frozen=True):
    id: str
    name: str
    by: str
    reason: str
    pid: int = 0
    """These two as in ``CommandAccepted``."""
    sent: float = 0.0


BY_HAND = "recipe.toml"
"""Who changed a setting that was edited in that file between two attempts."""


class SettingChanged(Event, frozen=True):
    key: str
    old: str
    new: str
    epoch: int
    step: int
    by: str = ""
    """Who asked, as user@host, or ``recipe.toml`` when the file was edited between two attempts; empty in journals of
    older versions."""
    pid: int = 0
    """The process on that host that asked."""


class RolledBack(Event, frozen=True):
    """The weights are again those of ``best_epoch``; epoch, learning rate and counter are as they were."""

    epoch: int
    step: int
    best_epoch: int
    by: str = ""
    """These two as in ``SettingChanged``."""
    pid: int = 0
    reason: str = ""
    """Why the engine went back by itself, to the epoch's first step; ``best_epoch`` is 0 for the last checkpoint."""


class EpochCut(Event, frozen=True):
    """The epoch ends after ``step`` of its ``steps``."""

    epoch: int
    step: int
    steps: int
    by: str = ""
    """These two as in ``SettingChanged``."""
    pid: int = 0


class OutlierProgress(Event, frozen=True):
    """How many images the outlier stage has read, of the training and validation images together."""

    done: int
    total: int


class AutoencoderEpoch(Event, frozen=True):
    """One of a class's autoencoders (method.md, Outlier detection) was trained for another epoch."""

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


Stage = Literal[
    "starting", "importing", "reading data", "building model", "loading weights", "downloading weights",
    "finding outliers", "training", "predicting",
]  # fmt: skip

_MOST_CLASSES = 1 << 16
MOST_CELLS = 500_000
"""A cell takes 25 bytes at most, and readers pass over lines of more than 16 MiB."""
_MOST_EPOCHS = 1_000_000


class RunStarted(Event, frozen=True):
    """An engine took the run: the first time (``attempt`` 1) or to go on with it."""

    attempt: int
    host: str
    pid: int
    version: str
    name: str
    model: str
    data: str
    epochs: int
    batch_size: int
    train_size: int
    val_size: int
    lr: float
    schedule: Literal["counter", "plateau", "cosine"]
    factor: float
    every: int
    patience: int
    monitor: Literal["val_acc", "val_loss"]
    mixup_alpha: float
    outliers: str
    seed: int
    resumed_epoch: int = 0
    """The epoch in which the run goes on; 0 for a start from nothing. Later history is void."""
    resumed_step: int = 0
    """How many steps of ``resumed_epoch`` were done at the checkpoint."""
    recipe: dict[str, str] = {}
    """Every key of ``recipe.toml`` as this attempt found it; empty in journals of older versions."""


class StageStarted(Event, frozen=True):
    stage: Stage
    detail: str = ""


class DatasetScanned(Event, frozen=True):
    classes: list[str]
    train_images: int
    val_images: int
    test_images: int
    split: Literal["folders", "stratified"]


class BadImage(Event, frozen=True):
    """A file that can't be read as an image; named once, and left out."""

    path: str
    reason: str
    split: Literal["train", "val", "test"]


class EpochStarted(Event, frozen=True):
    epoch: int
    epochs: int
    lr: float
    steps: int


class Step(Event, frozen=True):
    """At most ten a second; ``loss`` and ``train_acc`` are means over the epoch so far."""

    epoch: int
    step: int
    steps: int
    loss: float
    train_acc: float
    images_per_s: float
    """Images trained on in the last ten seconds or more, by the time that they took; 0 before anything was timed."""
    eta: float | None
    """Seconds until the last epoch ends, should no early stop come first; None while unknown."""
    data_wait: float | None = None
    """Share of the same time, percent, for which the device had nothing to do, since its images were still to come.

    On MPS: for which the host waited for them. None while unknown.
    """


class EpochEnded(Event, frozen=True):
    epoch: int
    lr: float
    train_acc: float
    train_loss: float
    val_acc: float
    val_loss: float
    new_best: bool
    best: float
    """The best monitored score so far: percent or loss, as ``RunStarted.monitor`` says."""
    best_epoch: int
    counter: int
    patience: int
    epochs_to_stop: int
    next_lr: float
    images_per_s: float
    """Images trained on in the epoch, by the time that its steps took."""
    seconds: float
    val_acc_low: float | None = None
    """The 95 % score interval of ``val_acc`` (``engine.analysis.stats``); None in journals of older versions."""
    val_acc_high: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for an epoch that no run comes to, and that no axis could show."""
        if not 0 <= self.epoch <= _MOST_EPOCHS:
            raise ValueError("an epoch that no run comes to")


class LrDecayed(Event, frozen=True):
    epoch: int
    """The first epoch that trains with ``new``."""
    old: float
    new: float
    reason: str


class ConfusionMatrix(Event, frozen=True):
    """Validation images by (true class, predicted class, count), empty cells left out."""

    epoch: int
    classes: int
    cells: list[tuple[int, int, int]]
    """At most 500,000: of more, those with the most images, and a warning says so."""
    path: str
    """The picture of a new best epoch, there once that epoch's best checkpoint is saved; empty for other epochs."""

    def __post_init__(self) -> None:
        """Raises ValueError for cells of no class, so that such a line of a journal is passed over."""
        known = range(min(self.classes, _MOST_CLASSES))
        if self.classes > _MOST_CLASSES or not all(
            true in known and predicted in known and images >= 0 for true, predicted, images in self.cells
        ):
            raise ValueError("a confusion matrix with cells of no class")


class CheckpointSaved(Event, frozen=True):
    which: Literal["best", "last"]
    epoch: int
    step: int
    reason: str
    size: int
    seconds: float


class PredictionProgress(Event, frozen=True):
    done: int
    total: int


class PredictionWritten(Event, frozen=True):
    path: str
    rows: int
    epoch: int
    """The epoch whose best weights made it."""


class SystemSample(Event, frozen=True):
    """What the machine is doing, every five seconds; a figure of the GPU is None where the GPU doesn't support it."""

    cpu_percent: float
    rss: int
    ram_used: int
    ram_total: int
    disk_free: int
    gpu_percent: float | None = None
    gpu_memory_used: int | None = None
    """Bytes, as ``gpu_memory_total``."""
    gpu_memory_total: int | None = None
    gpu_temperature: float | None = None
    """Degrees Celsius."""
    gpu_power: float | None = None
    """Watts."""


class DiskFull(Event, frozen=True):
    """The run waits for room on its disk, and goes on by itself."""

    need: int
    folder: str

    @property
    def words(self) -> str:
        return f"disk full: waiting for {math.ceil(self.need / 1e6):,} MB in {self.folder}"


class DiskFreed(Event, frozen=True):
    """There is room again: the run goes on."""

    waited: float


class RunWarning(Event, frozen=True, tag="warning"):
    message: str


Outcome = Literal["finished", "early_stopped", "stopped", "interrupted", "failed"]


class RunEnded(Event, frozen=True):
    """The engine's last word. Without it and without a living engine, a run was cut off."""

    outcome: Outcome
    reason: str
    epoch: int
    """The epoch under way, or the last one when none was; 0 before the first."""
    best: float | None
    best_epoch: int
    exit_code: int


class UnknownEvent(Event, frozen=True, tag="unknown_event"):
    """A line of a newer version of this program: kept in sequence, shown by nobody."""


AnyEvent: TypeAlias = (
    RunStarted | StageStarted | DatasetScanned | BadImage | OutlierEvent | EpochStarted | Step | EpochEnded
    | LrDecayed | ConfusionMatrix | CheckpointSaved | Paused | Resumed | CommandAccepted | CommandRejected
    | SettingChanged | RolledBack | EpochCut | PredictionProgress | PredictionWritten | SystemSample | DiskFull
    | DiskFreed | RunWarning | RunEnded | UnknownEvent
)  # fmt: skip


class _Envelope(msgspec.Struct):
    seq: int
    t: Time


_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_envelope = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()


def encode_line(event: Event) -> bytes:
    """Return the journal line of ``event``, newline included."""
    return _encoder.encode(event) + b"\n"


def decode_line(line: bytes) -> AnyEvent | None:
    """Return the event on a journal line, UnknownEvent for one of a newer version, None for damage."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        envelope = _envelope.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return UnknownEvent(seq=envelope.seq, t=envelope.t)
