"""The typed events of a run's journal, one JSON object per line.

Events carry everything that views show, so that no view computes what the engine already knows. Epochs and steps count
from 1. Accuracies are in percent (0 to 100), losses are mean cross-entropies, times are seconds since the Unix epoch,
durations seconds, sizes bytes, learning rates those of the optimizer.
"""

import math
import re
from typing import Annotated, Literal, TypeAlias

import msgspec

Time = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
"""Seconds since the Unix epoch, up to 1e11 (the year 5138), so that every time can be shown as a date."""

Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
"""Percent, 0 to 100."""


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=_snake):
    """The base of all events: the number in the journal (``seq``, from 1) and the time ``t``."""

    seq: int = 0
    t: Time = 0.0


class Paused(Event, frozen=True):
    """The run was paused after ``step`` steps of the epoch."""

    epoch: int
    step: int


class Resumed(Event, frozen=True):
    """The paused run was resumed."""

    epoch: int
    step: int
    paused_for: float
    """Seconds."""


class CommandAccepted(Event, frozen=True):
    """The engine accepted a command."""

    id: str
    name: str
    by: str
    """Who sent it, as user@host."""
    detail: str = ""
    pid: int = 0
    """The process on that host that sent it, a console or ``vrdl-tui send``; 0 in journals of older versions."""
    sent: float = 0.0
    """When it was sent, by that host's clock; 0 in journals of older versions."""


class CommandRejected(Event, frozen=True):
    """The engine rejected a command."""

    id: str
    name: str
    by: str
    """Who sent it, as user@host."""
    reason: str
    pid: int = 0
    """As in ``command_accepted``."""
    sent: float = 0.0
    """As in ``command_accepted``."""


BY_HAND = "recipe.toml"
"""The value of ``by`` for a setting that was edited in that file between two attempts."""


class SettingChanged(Event, frozen=True):
    """A key of the recipe was changed while the run was in progress or between two attempts."""

    key: str
    old: str
    new: str
    epoch: int
    step: int
    by: str = ""
    """Who changed it, as user@host, or ``recipe.toml`` if that file was edited between two attempts; empty in journals
    of older versions."""
    pid: int = 0
    """The process on that host that sent the command."""
    note: str = ""
    """What an edit of ``recipe.toml`` does to the learning rate; empty if nothing, and for a command, whose answer says
    it."""


class RolledBack(Event, frozen=True):
    """The weights of ``best_epoch`` were restored; epoch, learning rate and counter are unchanged."""

    epoch: int
    step: int
    best_epoch: int
    by: str = ""
    """As in ``setting_changed``."""
    pid: int = 0
    """As in ``setting_changed``."""
    reason: str = ""
    """Why the engine itself rolled back, to the first step of the epoch; ``best_epoch`` 0 means the last checkpoint."""


class EpochCut(Event, frozen=True):
    """The epoch ends early, after ``step`` of its ``steps`` steps."""

    epoch: int
    step: int
    steps: int
    by: str = ""
    """As in ``setting_changed``."""
    pid: int = 0
    """As in ``setting_changed``."""


class OutlierProgress(Event, frozen=True):
    """The number of training and validation images that the outlier stage has read."""

    done: int
    total: int


class AutoencoderEpoch(Event, frozen=True):
    """A class's autoencoder (method.md, Outlier detection) was trained for another epoch."""

    class_name: str
    class_index: int
    """From 1."""
    classes: int
    epoch: int
    epochs: int
    loss: float


class ThresholdSet(Event, frozen=True):
    """The threshold of a class was set. Lists the error of each of its training images that could be read."""

    class_name: str
    threshold: float
    largest_val_error: float | None
    """None for a class without validation images, whose threshold is the percentile."""
    relaxed: bool
    """Whether ``largest_val_error`` exceeded the percentile and so determined the threshold."""
    images: int
    first_threshold: float = 0.0
    """The percentile of the training errors."""
    files: list[str] = msgspec.field(default_factory=list)
    """Paths relative to the training folder; file names in the class's folder in earlier versions."""
    errors: list[float] = msgspec.field(default_factory=list)
    """The error of each of ``files``."""
    flagged: list[int] = msgspec.field(default_factory=list)
    """Positions in ``files`` of the outliers, whose error exceeds the threshold; from 0."""
    looks_like: list[str] = msgspec.field(default_factory=list)
    """For each of ``flagged``, the class that it resembles more than its own; "" if there is none or the method can't
    tell."""
    note: str = ""
    """Why the threshold isn't the report's: too few images, so that none is an outlier, or no validation images."""


class OutlierExcluded(Event, frozen=True):
    """A training image is excluded from epoch ``from_epoch`` on."""

    class_name: str
    path: str
    error: float
    threshold: float
    action: str
    """"exclude": the file stays in place; "quarantine": it was moved; "delete": it was deleted."""
    sha256: str = ""
    looks_like: str = ""
    """The class that it resembles more than its own; empty if there is none or the method can't tell."""
    moved_to: str = ""
    from_epoch: int = 1
    by: str = ""
    """Who excluded it, as user@host; empty for the outlier stage."""
    file: str = ""
    """The path relative to the training folder; empty in earlier versions, where each file was directly in its class's
    folder."""


class OutlierRestored(Event, frozen=True):
    """An excluded training image is used again from epoch ``from_epoch`` on."""

    class_name: str
    path: str
    from_epoch: int = 1
    by: str = ""
    file: str = ""
    """As in ``outlier_excluded``."""


class OutliersDone(Event, frozen=True):
    """The outlier stage is done."""

    excluded: int
    images: int


OutlierEvent: TypeAlias = (
    AutoencoderEpoch | ThresholdSet | OutlierExcluded | OutlierRestored | OutliersDone | OutlierProgress
)
"""The events about outliers."""


Stage = Literal[
    "starting", "importing", "reading data", "building model", "loading weights", "downloading weights",
    "finding outliers", "training", "predicting",
]  # fmt: skip
"""The stages of an attempt at a run."""

_MOST_CLASSES = 1 << 16
MOST_CELLS = 500_000
"""Maximum number of cells in an event: a cell takes at most 25 bytes, and readers skip lines of more than 16 MiB."""
_MOST_EPOCHS = 1_000_000


class RunStarted(Event, frozen=True):
    """An engine started the run (``attempt`` 1) or resumed it."""

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
    """The epoch in which the run resumes; 0: it starts anew. What was recorded of this epoch and later ones is void."""
    resumed_step: int = 0
    """The steps of ``resumed_epoch`` that were done at the checkpoint."""
    recipe: dict[str, str] = {}
    """Every key of ``recipe.toml`` at the start of this attempt; empty in journals of older versions."""


class StageStarted(Event, frozen=True):
    """A stage of the attempt has started."""

    stage: Stage
    detail: str = ""


class DatasetScanned(Event, frozen=True):
    """The images of the run were listed."""

    classes: list[str]
    train_images: int
    val_images: int
    test_images: int
    split: Literal["folders", "stratified"]
    left_out: list[str] = msgspec.field(default_factory=list)
    """What lies in the data folders and isn't used: each kind with its number, and how to have it otherwise."""


class CopiesDropped(Event, frozen=True):
    """Exact copies are left out of the training images, as ``data.duplicates=drop_from_train`` asks."""

    count: int
    images: list[str]
    """The first 1,000, relative to the folder of the split; all are in ``split.csv``."""


class BadImage(Event, frozen=True):
    """A file can't be read as an image. It is reported once and not used."""

    path: str
    reason: str
    split: Literal["train", "val", "test"]


class EpochStarted(Event, frozen=True):
    """Training of an epoch has started."""

    epoch: int
    epochs: int
    lr: float
    steps: int


class Step(Event, frozen=True):
    """Progress within an epoch, at most ten per second. ``loss`` and ``train_acc`` are means over the epoch so far."""

    epoch: int
    step: int
    steps: int
    loss: float
    train_acc: float
    images_per_s: float
    """Training images per second over the last ten seconds or more; 0 before the first measurement."""
    eta: float | None
    """Seconds until the last epoch ends, without early stopping; None while unknown."""
    data_wait: float | None = None
    """Percentage of the same time in which the device was idle because it waited for images.

    On MPS, in which the host waited for images. None while unknown.
    """


class EpochEnded(Event, frozen=True):
    """The figures of one epoch, after its validation."""

    epoch: int
    lr: float
    train_acc: float
    train_loss: float
    val_acc: float
    val_loss: float
    new_best: bool
    best: float
    """The best monitored score so far: percent or loss, by ``monitor`` of ``run_started``."""
    best_epoch: int
    counter: int
    patience: int
    epochs_to_stop: int
    next_lr: float
    images_per_s: float
    """Training images per second over the steps of the epoch, without validation."""
    seconds: float
    val_acc_low: float | None = None
    """Lower bound of the 95 % score interval of ``val_acc`` (Wilson 1927); None in journals of older versions."""
    val_acc_high: float | None = None
    """Its upper bound."""

    def __post_init__(self) -> None:
        """Raise ValueError for an impossible epoch, which no axis could show, so that readers skip such a line."""
        if not 0 <= self.epoch <= _MOST_EPOCHS:
            raise ValueError(f"epoch {self.epoch} is out of range")


class LrDecayed(Event, frozen=True):
    """The schedule changed the learning rate."""

    epoch: int
    """The first epoch that trains with ``new``."""
    old: float
    new: float
    reason: str


class ConfusionMatrix(Event, frozen=True):
    """The confusion matrix of the validation images after an epoch."""

    epoch: int
    classes: int
    cells: list[tuple[int, int, int]]
    """(true class, predicted class, count), classes from 0, empty cells omitted. At most 500,000 cells: beyond that the
    largest, with a warning."""
    path: str
    """The picture for a new best epoch, which exists once the best checkpoint is saved; empty for other epochs."""

    def __post_init__(self) -> None:
        """Raise ValueError for invalid classes or counts, so that readers skip such a line."""
        _check_cells(self.classes, self.cells)


def _check_cells(classes: int, cells: list[tuple[int, int, int]]) -> None:
    known = range(min(classes, _MOST_CLASSES))
    if classes > _MOST_CLASSES or not all(
        true in known and predicted in known and images >= 0 for true, predicted, images in cells
    ):
        raise ValueError("a confusion matrix with cells of no class")


class CheckpointSaved(Event, frozen=True):
    """A checkpoint was saved after ``step`` steps of the epoch."""

    which: Literal["best", "last"]
    epoch: int
    step: int
    reason: str
    size: int
    seconds: float


class PredictionProgress(Event, frozen=True):
    """The number of test images predicted so far."""

    done: int
    total: int


class PredictionWritten(Event, frozen=True):
    """The predictions for the test images were written."""

    path: str
    rows: int
    epoch: int
    """The best epoch, whose weights made the predictions."""
    images: int = 0
    """Number of test images; 0 in journals of earlier versions, also below."""
    read: int = 0
    """Number of those that could be read; ``predict.unreadable`` says what row the others have."""


class PredictionScored(Event, frozen=True):
    """The predictions just written were compared with the labels of the test images.

    A test image has a label if it lies in a folder of the test set that is named like a class. Images without a label,
    and images that can't be read, count in none of the figures.
    """

    epoch: int
    """The best epoch, whose weights made the predictions."""
    images: int
    """Labelled images that were predicted."""
    unlabelled: int
    """Predicted images without a label."""
    unread: int
    """Labelled images without a prediction, because they can't be read."""
    correct: int
    """Of ``images``."""
    acc: Percent
    """Top-1 accuracy."""
    acc_low: Percent
    """Lower bound of the 95 % score interval of ``acc`` (Wilson 1927)."""
    acc_high: Percent
    """Its upper bound."""
    macro_f1: Percent
    """The mean of the F1 scores of all classes that an image has or was predicted as."""
    classes: int
    """Classes of the run; the test set may have fewer."""
    cells: list[tuple[int, int, int]]
    """The confusion matrix, as in ``confusion_matrix``."""
    path: str
    """The picture of the matrix; empty if it couldn't be written."""

    def __post_init__(self) -> None:
        """Raise ValueError for invalid classes or counts, so that readers skip such a line."""
        _check_cells(self.classes, self.cells)

    @property
    def words(self) -> str:
        """The event as one line of text."""
        interval = f"95 % interval {self.acc_low:.1f} to {self.acc_high:.1f} %"
        aside = [f"{self.unlabelled:,} without label"] if self.unlabelled else []
        aside += [f"{self.unread:,} can't be read"] if self.unread else []
        return ", ".join((f"{self.short} ({interval})", f"macro F1 {self.macro_f1:.2f} %", *aside))

    @property
    def short(self) -> str:
        """Accuracy and number of images: ``test 91.30 % of 230 labelled images``."""
        return f"test {self.acc:.2f} % of {self.images:,} labelled image{'' if self.images == 1 else 's'}"


class SystemSample(Event, frozen=True):
    """The load of the machine, every five seconds. Figures that the GPU doesn't report are None."""

    cpu_percent: float
    rss: int
    ram_used: int
    ram_total: int
    disk_free: int
    gpu_percent: float | None = None
    gpu_memory_used: int | None = None
    """Bytes."""
    gpu_memory_total: int | None = None
    """Bytes."""
    gpu_temperature: float | None = None
    """Degrees Celsius."""
    gpu_power: float | None = None
    """Watts."""


class DiskFull(Event, frozen=True):
    """The disk is full. The run waits for space and resumes automatically."""

    need: int
    """Bytes."""
    folder: str

    @property
    def words(self) -> str:
        """The event as one line of text."""
        return f"disk full: waiting for {math.ceil(self.need / 1e6):,} MB in {self.folder}"


class DiskFreed(Event, frozen=True):
    """The disk has space again, and the run resumes."""

    waited: float
    """Seconds."""


class RunWarning(Event, frozen=True, tag="warning"):
    """A problem that doesn't end the run."""

    message: str


Outcome = Literal["finished", "early_stopped", "stopped", "interrupted", "failed"]
"""How an attempt at a run ended."""


class RunEnded(Event, frozen=True):
    """The last event of an attempt. A run without it and without a running engine was interrupted."""

    outcome: Outcome
    reason: str
    epoch: int
    """The current epoch, or the last one; 0 before the first."""
    best: float | None
    best_epoch: int
    exit_code: int


class UnknownEvent(Event, frozen=True, tag="unknown_event"):
    """An event of a newer version of the program. It keeps its number in the journal and is not shown."""


AnyEvent: TypeAlias = (
    RunStarted | StageStarted | DatasetScanned | CopiesDropped | BadImage | OutlierEvent | EpochStarted | Step
    | EpochEnded | LrDecayed | ConfusionMatrix | CheckpointSaved | Paused | Resumed | CommandAccepted | CommandRejected
    | SettingChanged | RolledBack | EpochCut | PredictionProgress | PredictionWritten | PredictionScored | SystemSample
    | DiskFull | DiskFreed | RunWarning | RunEnded | UnknownEvent
)  # fmt: skip
"""Any event of a journal."""


class _Envelope(msgspec.Struct):
    seq: int
    t: Time


_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_envelope = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()


def encode_line(event: Event) -> bytes:
    """Return the journal line of ``event``, including the newline."""
    return _encoder.encode(event) + b"\n"


def decode_line(line: bytes) -> AnyEvent | None:
    """Return the event on a journal line: UnknownEvent for one of a newer version, None for a damaged line."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        envelope = _envelope.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return UnknownEvent(seq=envelope.seq, t=envelope.t)
