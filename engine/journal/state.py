"""RunState: the state of a run folded from its events, which every view shows."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from engine.journal.events import (
    AnyEvent,
    AutoencoderEpoch,
    BadImage,
    CheckpointSaved,
    CommandAccepted,
    CommandRejected,
    ConfusionMatrix,
    DatasetScanned,
    DiskFreed,
    DiskFull,
    EpochCut,
    EpochEnded,
    EpochStarted,
    LrDecayed,
    OutlierEvent,
    OutlierExcluded,
    OutlierProgress,
    OutlierRestored,
    OutliersDone,
    Paused,
    PredictionProgress,
    PredictionScored,
    PredictionWritten,
    Resumed,
    RolledBack,
    RunEnded,
    RunStarted,
    RunWarning,
    SettingChanged,
    StageStarted,
    Step,
    SystemSample,
    ThresholdSet,
)
from engine.journal.exclusions import below


@dataclass(slots=True)
class OutlierStage:
    """The state of the outlier stage. ``method`` is "none" if the stage is off."""

    method: str = "none"
    read: OutlierProgress | None = None
    current: AutoencoderEpoch | None = None
    thresholds: dict[str, ThresholdSet] = field(default_factory=dict)
    """By class name, in the order in which they were set."""
    excluded: dict[str, OutlierExcluded] = field(default_factory=dict)
    """The currently excluded images by path, oldest first."""
    changes: list[OutlierExcluded | OutlierRestored] = field(default_factory=list)
    """All exclusions and restorations in order; ``engine.journal.exclusions`` gives them by epoch."""
    done: OutliersDone | None = None

    def start(self, method: str, data: str, *, moved: bool) -> None:
        """Begin an attempt at the run; if ``moved``, the training folder is ``data`` from now on."""
        self.method = method
        self.current = self.read = None
        if moved:
            changes, self.changes, self.excluded = self.changes, [], {}
            for change in changes:
                self.apply(below(change, data))

    def apply(self, event: OutlierEvent) -> None:
        """Fold one event into the state."""
        match event:
            case AutoencoderEpoch():
                self.current = event
            case ThresholdSet():
                self.thresholds[event.class_name] = event
            case OutlierExcluded():
                self.excluded.pop(event.path, None)
                self.excluded[event.path] = event
                self.changes.append(event)
            case OutlierRestored():
                if self.excluded.pop(event.path, None) is None:
                    self._restore_moved(event)
                self.changes.append(event)
            case OutlierProgress():
                self.read = event
            case OutliersDone():
                self.done, self.current, self.read = event, None, None

    def _restore_moved(self, event: OutlierRestored) -> None:
        """Restore an image whose data folder was moved since the last attempt began."""
        image = event.class_name, Path(event.path).name
        for path, one in list(self.excluded.items()):
            if (one.class_name, Path(path).name) == image:
                del self.excluded[path]


@dataclass(frozen=True, slots=True)
class SteeringHistory:
    """The changes that users made to a run, by kind, each in order."""

    settings: tuple[SettingChanged, ...] = ()
    rollbacks: tuple[RolledBack, ...] = ()
    cuts: tuple[EpochCut, ...] = ()
    changes: tuple[OutlierExcluded | OutlierRestored, ...] = ()

    @property
    def epochs(self) -> list[int]:
        """The epochs with a change, in order."""
        steered: tuple[SettingChanged | RolledBack | EpochCut, ...] = (
            *self.settings, *self.rollbacks, *self.cuts
        )  # fmt: skip
        return sorted({event.epoch for event in steered} | {change.from_epoch for change in self.changes})


Status = Literal["starting", "running", "paused", "finished", "stopped", "interrupted", "failed"]
"""The status of a run; ``RunState.status`` determines it."""

SAMPLES_KEPT = 200
"""Number of system samples in a RunState: the newest 17 minutes, at one every five seconds."""
_KEPT = 200


@dataclass(slots=True)
class EarlyStop:
    """The state of early stopping. ``best`` is percent or loss, None before the first epoch ends."""

    monitor: str = "val_acc"
    patience: int = 0
    counter: int = 0
    best: float | None = None
    best_epoch: int = 0
    epochs_to_stop: int = 0


@dataclass(slots=True)
class RunState:
    """The state of a run according to its journal. Accuracies are in percent, times seconds since the Unix epoch."""

    started: RunStarted | None = None
    """The start of the newest attempt."""
    started_unrecorded: RunStarted | None = None
    """The last attempt whose ``run_started`` records no recipe: one of version 0.1.0."""
    first_started_at: float = 0.0
    """When the first attempt started."""
    updated_at: float = 0.0
    """The time of the newest event."""
    stage: StageStarted | None = None
    data: DatasetScanned | None = None
    ended: RunEnded | None = None
    paused: Paused | None = None
    full: DiskFull | None = None
    """The disk space that the run waits for; None while it doesn't."""
    epoch: EpochStarted | None = None
    """The current epoch or the last one."""
    step: Step | None = None
    """The newest step of ``epoch``; None before its first."""
    epochs: list[EpochEnded] = field(default_factory=list)
    """The completed epochs in order, without those that a resume made void."""
    decays: list[LrDecayed] = field(default_factory=list)
    settings: list[SettingChanged] = field(default_factory=list)
    rollbacks: list[RolledBack] = field(default_factory=list)
    cuts: list[EpochCut] = field(default_factory=list)
    early_stop: EarlyStop = field(default_factory=EarlyStop)
    outliers: OutlierStage = field(default_factory=OutlierStage)
    confusion: ConfusionMatrix | None = None
    best_confusion: ConfusionMatrix | None = None
    """The confusion matrix of the best epoch, which has a picture."""
    checkpoints: dict[str, CheckpointSaved] = field(default_factory=dict)
    """The newest checkpoint of each kind, "best" and "last"."""
    predicting: PredictionProgress | None = None
    prediction: PredictionWritten | None = None
    scored: PredictionScored | None = None
    """The score of ``prediction``; None if no test image has a label."""
    system: SystemSample | None = None
    samples: deque[SystemSample] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT))
    """The samples of the newest attempt, oldest first; earlier attempts may have run on other machines."""
    resumes: list[RunStarted] = field(default_factory=list)
    """The attempts that resumed from a checkpoint, in order."""
    bad_images: dict[str, BadImage] = field(default_factory=dict)
    """By path."""
    warnings: deque[RunWarning] = field(default_factory=lambda: deque(maxlen=_KEPT))
    answers: deque[CommandAccepted | CommandRejected] = field(default_factory=lambda: deque(maxlen=_KEPT))

    @property
    def lr(self) -> float | None:
        """The current learning rate; after the last epoch, that epoch's."""
        last = self.epochs[-1] if self.epochs else None
        if last is not None and (self.epoch is None or self.epoch.epoch <= last.epoch):
            none_follows = (
                last.epochs_to_stop < 1
                or (self.epoch is not None and last.epoch >= self.epoch.epochs)
                or (self.ended is not None and self.ended.outcome in ("finished", "early_stopped"))
            )
            return last.lr if none_follows else last.next_lr
        return self.epoch.lr if self.epoch else self.started.lr if self.started else None

    @property
    def steered(self) -> SteeringHistory:
        """The changes that users made so far."""
        changes = tuple(change for change in self.outliers.changes if change.by)
        return SteeringHistory(tuple(self.settings), tuple(self.rollbacks), tuple(self.cuts), changes)

    @property
    def validating(self) -> bool:
        """Whether the training steps of the current epoch are done and its validation isn't."""
        return (
            self.epoch is not None
            and self.step is not None
            and self.step.step >= self.step.steps
            and (not self.epochs or self.epochs[-1].epoch < self.epoch.epoch)
        )

    @property
    def finding_outliers(self) -> bool:
        """Whether the outlier stage is in progress, according to the journal."""
        return self.stage is not None and self.stage.stage == "finding outliers" and self.ended is None

    @property
    def predicted_at_end(self) -> bool:
        """Whether a prediction was written after the last epoch that was trained."""
        return self.prediction is not None and bool(self.epochs) and self.prediction.seq > self.epochs[-1].seq

    @property
    def test(self) -> PredictionScored | None:
        """The score of the best weights so far on labelled test images, None if they weren't scored."""
        scored, best_epoch = self.scored, self.early_stop.best_epoch
        if scored is None or scored.epoch != best_epoch:
            return None
        # An epoch that was trained again after a resume has other weights.
        later = any(epoch.epoch == best_epoch and epoch.seq > scored.seq for epoch in self.epochs)
        return None if later else scored

    def status(self, *, alive: bool) -> Status:
        """Return the status of the run; ``alive`` says whether an engine holds its lock."""
        if not alive:
            if self.ended is None:
                return "interrupted"
            return "finished" if self.ended.outcome in ("finished", "early_stopped") else self.ended.outcome  # type: ignore[return-value]
        if self.full is not None:
            return "paused"
        if self.started is None or self.ended is not None:
            return "starting" if self.ended is None else "running"
        if self.paused is not None:
            return "paused"
        return "running" if self.epoch is not None else "starting"

    def answer(self, identity: str) -> CommandAccepted | CommandRejected | None:
        """Return the engine's answer to the command with this id, None if there is none yet."""
        return next((answer for answer in reversed(self.answers) if answer.id == identity), None)

    def apply_all(self, events: Iterable[AnyEvent]) -> None:
        """Fold events into the state, in order."""
        for event in events:
            self.apply(event)

    def apply(self, event: AnyEvent) -> None:
        """Fold one event into the state."""
        if self.ended is None or not isinstance(
            event, PredictionProgress | PredictionWritten | PredictionScored
        ):
            self.updated_at = event.t  # a prediction made later is no part of the run's duration
        match event:
            case Step():
                self.step = event
            case SystemSample():
                self.system = event
                self.samples.append(event)
            case EpochStarted():
                self.epoch, self.step, self.predicting = event, None, None
            case EpochEnded():
                self._end_epoch(event)
            case RunStarted():
                self._start(event)
            case StageStarted():
                self.stage = event
            case DatasetScanned():
                self.data = event
            case ConfusionMatrix():
                self.confusion = event
                if event.path:
                    self.best_confusion = event
            case LrDecayed():
                self.decays.append(event)
            case CheckpointSaved():
                self.checkpoints[event.which] = event
            case Paused():
                self.paused = event
            case Resumed():
                self.paused = None
            case CommandAccepted() | CommandRejected():
                self.answers.append(event)
            case DiskFull() | DiskFreed():
                self.full = event if isinstance(event, DiskFull) else None
            case SettingChanged():
                self.settings.append(event)
                self._set(event)
            case RolledBack():
                self.rollbacks.append(event)
            case EpochCut():
                self.cuts.append(event)
            case PredictionProgress():
                self.predicting = event
            case PredictionWritten():
                self.prediction, self.predicting, self.scored = event, None, None
            case PredictionScored():
                self.scored = event
            case BadImage():
                self.bad_images[event.path] = event
            case RunWarning():
                self.warnings.append(event)
            case RunEnded():
                self.ended, self.paused, self.full, self.predicting = event, None, None, None
            case _ if isinstance(event, OutlierEvent):
                self.outliers.apply(event)

    def _start(self, event: RunStarted) -> None:
        if self.started is None:
            self.first_started_at = event.t
        moved = self.started is not None and self.started.data != event.data
        self.started = event
        if not event.recipe:
            self.started_unrecorded = event
        self.stage = self.epoch = self.step = self.paused = self.full = self.ended = self.predicting = None
        self.outliers.start(event.outliers, event.data, moved=moved)
        self.samples.clear()
        self.resumes.append(event)
        if not event.resumed_epoch:
            self.epochs, self.decays, self.settings = [], [], []
            self.rollbacks, self.cuts = [], []
            self.confusion, self.best_confusion, self.checkpoints = None, None, {}
            self.resumes = []
        self.epochs = [epoch for epoch in self.epochs if epoch.epoch < event.resumed_epoch]
        self.decays = [decay for decay in self.decays if decay.epoch <= event.resumed_epoch]
        last = self.epochs[-1] if self.epochs else None
        self.early_stop = EarlyStop(
            monitor=event.monitor,
            patience=event.patience,
            counter=last.counter if last else 0,
            best=last.best if last else None,
            best_epoch=last.best_epoch if last else 0,
            epochs_to_stop=event.patience - (last.counter if last else 0),
        )

    def _end_epoch(self, event: EpochEnded) -> None:
        self.epochs.append(event)
        self.early_stop.patience = event.patience
        self.early_stop.counter = event.counter
        self.early_stop.best = event.best
        self.early_stop.best_epoch = event.best_epoch
        self.early_stop.epochs_to_stop = event.epochs_to_stop

    def _set(self, event: SettingChanged) -> None:
        try:
            lr, whole = (float(event.new), 0) if event.key == "optim.lr" else (0.0, int(event.new))
        except ValueError:  # a key without a numeric value, or damage
            return
        if event.key == "schedule.patience":
            self.early_stop.patience = whole
            self.early_stop.epochs_to_stop = max(0, whole - self.early_stop.counter)
        elif event.key == "optim.lr":
            if self.epoch is not None:
                self.epoch = msgspec.structs.replace(self.epoch, lr=lr)
            if self.epochs:
                self.epochs[-1] = msgspec.structs.replace(self.epochs[-1], next_lr=lr)
        elif event.key == "train.epochs" and self.epoch is not None:
            self.epoch = msgspec.structs.replace(self.epoch, epochs=whole)
