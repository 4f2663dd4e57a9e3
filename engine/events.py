"""What happened: the typed events of a run's journal, one JSON object a line.

Each event carries what its panel shows, so that no view computes what the engine already knows. Epochs and
steps count from 1. Accuracies are percents (0 to 100), losses mean cross-entropies, times seconds since the
Unix epoch, durations seconds, sizes bytes, learning rates as the optimiser has them.
"""

from typing import Literal, TypeAlias

import msgspec

from engine.event import Event
from engine.outlier_events import (
    AutoencoderEpoch,
    OutlierExcluded,
    OutlierProgress,
    OutlierRestored,
    OutliersDone,
    ThresholdSet,
)

Stage = Literal[
    "starting", "importing", "reading data", "building model", "loading weights", "downloading weights",
    "finding outliers", "training", "predicting",
]  # fmt: skip


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


class CheckpointSaved(Event, frozen=True):
    which: Literal["best", "last"]
    epoch: int
    step: int
    reason: str
    size: int
    seconds: float


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
    detail: str = ""


class CommandRejected(Event, frozen=True):
    id: str
    name: str
    by: str
    reason: str


class SettingChanged(Event, frozen=True):
    key: str
    old: str
    new: str
    epoch: int
    step: int


class RolledBack(Event, frozen=True):
    """The weights are again those of ``best_epoch``; epoch, learning rate and counter are as they were."""

    epoch: int
    step: int
    best_epoch: int


class EpochCut(Event, frozen=True):
    """The epoch ends after ``step`` of its ``steps``."""

    epoch: int
    step: int
    steps: int


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
    RunStarted | StageStarted | DatasetScanned | BadImage | AutoencoderEpoch | ThresholdSet | OutlierExcluded
    | OutlierRestored | OutliersDone | OutlierProgress | EpochStarted | Step | EpochEnded | LrDecayed | ConfusionMatrix
    | CheckpointSaved | Paused | Resumed | CommandAccepted | CommandRejected | SettingChanged
    | RolledBack | EpochCut | PredictionProgress | PredictionWritten | SystemSample | Warning | RunEnded | UnknownEvent
)  # fmt: skip


class _Envelope(msgspec.Struct):
    seq: int
    t: float


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
