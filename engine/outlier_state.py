"""How the outlier stage of a run stands, folded from its events."""

from dataclasses import dataclass, field

from engine.outlier_events import (
    AutoencoderEpoch,
    OutlierEvent,
    OutlierExcluded,
    OutlierProgress,
    OutlierRestored,
    OutliersDone,
    ThresholdSet,
)


@dataclass(slots=True)
class OutlierStage:
    """The outlier stage: ``method`` "none" says that it is off."""

    method: str = "none"
    read: OutlierProgress | None = None
    current: AutoencoderEpoch | None = None
    thresholds: dict[str, ThresholdSet] = field(default_factory=dict)
    """By class name, in the order in which they were judged."""
    excluded: dict[str, OutlierExcluded] = field(default_factory=dict)
    """By path: what is left out as things stand, oldest first."""
    changes: list[OutlierExcluded | OutlierRestored] = field(default_factory=list)
    """All that was left out and restored, in order: ``engine.outliers.exclusions`` has it by epoch."""
    done: OutliersDone | None = None

    def start(self, method: str) -> None:
        """Begin an attempt at the run."""
        self.method = method
        self.current = self.read = None

    def apply(self, event: OutlierEvent) -> None:
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
                self.excluded.pop(event.path, None)
                self.changes.append(event)
            case OutlierProgress():
                self.read = event
            case OutliersDone():
                self.done, self.current, self.read = event, None, None
