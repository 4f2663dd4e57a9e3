"""A journal's events as lines of a log: the training log's own lines, and what else befell the run."""

from typing import Literal, NamedTuple

from engine.control.commands import asker
from engine.core.text import count
from engine.journal.events import (
    BY_HAND,
    AnyEvent,
    BadImage,
    CheckpointSaved,
    CommandAccepted,
    CommandRejected,
    ConfusionMatrix,
    CopiesDropped,
    DatasetScanned,
    DiskFreed,
    DiskFull,
    EpochCut,
    EpochEnded,
    EpochStarted,
    LrDecayed,
    OutlierExcluded,
    OutlierRestored,
    OutliersDone,
    Paused,
    PredictionScored,
    PredictionWritten,
    Resumed,
    RolledBack,
    RunEnded,
    RunStarted,
    RunWarning,
    SettingChanged,
    StageStarted,
    ThresholdSet,
)
from tui.widgets.wording import duration, learning_rate, score, size

Kind = Literal["train", "run", "command", "good", "warn", "bad"]

KEPT = 2000
"""How many of the newest lines a console keeps of a run; its journal has all."""


class Happening(NamedTuple):
    """``text`` is raw: names and messages in it have yet to be made safe to show."""

    t: float
    kind: Kind
    text: str


class Teller:
    """Turns events into lines; remembers of the run only what a line needs to be whole."""

    def __init__(self) -> None:
        self._epochs = 0
        self._monitor = "val_acc"

    def tell(self, event: AnyEvent) -> Happening | None:
        """Return the event's line, None for one that the panels alone show."""
        told = self._train_log(event) or self._run(event) or self._command(event) or self._images(event)
        return Happening(event.t, *told) if told else None

    def _train_log(self, event: AnyEvent) -> tuple[Kind, str] | None:
        match event:
            case EpochStarted():
                self._epochs = event.epochs
                return "train", f"Epoch {event.epoch}/{event.epochs} | LR: {event.lr:.9f}"
            case EpochEnded():
                line = (
                    f"Epoch {event.epoch}/{self._epochs or event.epoch} | Train Acc: {event.train_acc:.2f}%"
                )
                return "train", f"{line} | Val Acc: {event.val_acc:.2f}% | Val Loss: {event.val_loss:.5f}"
            case ConfusionMatrix() if event.path:
                return "train", f"Confusion Matrix saved at: {event.path}"
        return None

    def _run(self, event: AnyEvent) -> tuple[Kind, str] | None:
        match event:
            case RunStarted():
                self._epochs, self._monitor = event.epochs, event.monitor
                where = f"on {event.host}, process {event.pid}"
                if event.resumed_epoch:
                    at = f"epoch {event.resumed_epoch} step {event.resumed_step}"
                    return "run", f"resumed at {at} {where}, attempt {event.attempt}"
                return (
                    "run",
                    f"run started {where}: {event.model}, {count(event.epochs, 'epoch')}, data {event.data}",
                )
            case StageStarted():
                return "run", f"stage: {event.stage}{f' ({event.detail})' if event.detail else ''}"
            case LrDecayed():
                old, new = learning_rate(event.old), learning_rate(event.new)
                return "warn", f"learning rate {old} to {new} from epoch {event.epoch}: {event.reason}"
            case CheckpointSaved():
                took = f"{size(event.size)} in {event.seconds:.2f} s"
                at = (
                    f"epoch {event.epoch}"
                    if event.which == "best"
                    else f"epoch {event.epoch} step {event.step}"
                )
                why = f" ({event.reason})" if event.reason else ""
                return "good", f"checkpoint {event.which} saved: {at}, {took}{why}"
            case DiskFull():
                return "warn", event.words
            case DiskFreed():
                return "good", f"room on the disk again after {duration(event.waited)}"
            case Paused():
                return "warn", f"paused at epoch {event.epoch} step {event.step}"
            case Resumed():
                return "good", f"training again after a pause of {duration(event.paused_for)}"
            case RunEnded():
                best = (
                    ""
                    if event.best is None
                    else f"; best {score(self._monitor, event.best)} at {event.best_epoch}"
                )
                word = event.outcome.replace("_", " ")
                reason = f": {event.reason}" if event.reason else ""
                return (
                    "bad" if event.outcome == "failed" else "good",
                    f"{word} at epoch {event.epoch}{best}{reason}",
                )
            case RunWarning():
                return "warn", f"warning: {event.message}"
        return None

    @staticmethod
    def _command(event: AnyEvent) -> tuple[Kind, str] | None:
        match event:
            case CommandAccepted():
                detail = f": {event.detail}" if event.detail else ""
                return "command", f"{event.name} by {asker(event.by, event.pid)} accepted{detail}"
            case CommandRejected():
                return "bad", f"{event.name} by {asker(event.by, event.pid)} refused: {event.reason}"
            case SettingChanged():
                at = f"epoch {event.epoch} step {event.step}"
                by = " in recipe.toml" if event.by == BY_HAND else ""
                note = f"; {event.note}" if event.note else ""
                return "command", f"{event.key} changed{by} from {event.old} to {event.new} at {at}{note}"
            case RolledBack():
                at = f"epoch {event.epoch} step {event.step}"
                weights = f"weights of epoch {event.best_epoch}" if event.best_epoch else "last saved weights"
                why = f": {event.reason}" if event.reason else ""
                return "warn" if why else "command", f"back to the {weights} at {at}{why}"
            case EpochCut():
                return "command", f"epoch {event.epoch} ends after step {event.step} of {event.steps}"
            case PredictionWritten():
                rows = count(event.rows, "row")
                if event.read < event.images:
                    rows += f", {event.read:,} of {count(event.images, 'image')} read"
                return (
                    "good",
                    f"prediction written: {rows}, best of epoch {event.epoch}, {event.path}",
                )
            case PredictionScored():
                return "good", event.words
        return None

    @staticmethod
    def _images(event: AnyEvent) -> tuple[Kind, str] | None:
        match event:
            case DatasetScanned():
                images = f"{event.train_images:,} train, {event.val_images:,} val, {event.test_images:,} test"
                left_out = f"; left out: {', '.join(event.left_out)}" if event.left_out else ""
                return (
                    "run",
                    f"{count(len(event.classes), 'class', 'classes')}, images: {images} ({event.split}){left_out}",
                )
            case CopiesDropped():
                return (
                    "run",
                    f"{count(event.count, 'exact copy', 'exact copies')} dropped from train (split.csv)",
                )
            case BadImage():
                return "warn", f"bad image left out of {event.split}: {event.path}: {event.reason}"
            case ThresholdSet():
                relaxed = ", relaxed" if event.relaxed else ""
                return "run", f"outlier threshold of {event.class_name}: {event.threshold:.6f}{relaxed}"
            case OutlierExcluded():
                error = f"{event.error:.6f} > {event.threshold:.6f}"
                return "warn", f"outlier ({event.action}): {event.path}, {error}"
            case OutlierRestored():
                return "good", f"outlier restored: {event.path}"
            case OutliersDone():
                return "run", f"outliers: {event.excluded:,} of {count(event.images, 'image')} excluded"
        return None
