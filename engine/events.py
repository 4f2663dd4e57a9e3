"""What happened: the typed events of a run's journal, one JSON object a line.

Each event carries what its panel shows, so that no view computes what the engine already knows. Epochs and
steps count from 1. Accuracies are percents (0 to 100), losses mean cross-entropies, times seconds since the
Unix epoch, durations seconds, sizes bytes, learning rates as the optimiser has them.
"""

import math
from typing import Literal, TypeAlias

import msgspec

from engine.event import Event, Time
from engine.outlier_events import OutlierEvent
from engine.steering_events import (
    CommandAccepted,
    CommandRejected,
    EpochCut,
    Paused,
    Resumed,
    RolledBack,
    SettingChanged,
)

Stage = Literal[
    "starting", "importing", "reading data", "building model", "loading weights", "downloading weights",
    "finding outliers", "training", "predicting",
]  # fmt: skip

_MOST_CLASSES = 1 << 16
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
    eta: float | None
    """Seconds until the last epoch ends, should no early stop come first; None while unknown."""
    data_wait: float | None = None
    """Share of the time, percent, that training waited for images; None while unknown."""


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
    seconds: float
    val_acc_low: float | None = None
    """The 95 % score interval of ``val_acc`` (``engine.interval``); None in journals of older versions."""
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
    path: str

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
    cpu_percent: float
    rss: int
    ram_used: int
    ram_total: int
    disk_free: int
    gpu_percent: float | None = None
    gpu_memory_used: int | None = None
    gpu_memory_total: int | None = None
    gpu_temperature: float | None = None
    gpu_power: float | None = None


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


class Warning(Event, frozen=True):
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
    | DiskFreed | Warning | RunEnded | UnknownEvent
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
