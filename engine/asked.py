"""What people asked of a run while it went on."""

from dataclasses import dataclass

from engine.outlier_events import OutlierExcluded, OutlierRestored
from engine.steering_events import EpochCut, RolledBack, SettingChanged


@dataclass(frozen=True, slots=True)
class Asked:
    """What someone asked for while the run went on, each kind in order."""

    settings: tuple[SettingChanged, ...] = ()
    rollbacks: tuple[RolledBack, ...] = ()
    cuts: tuple[EpochCut, ...] = ()
    changes: tuple[OutlierExcluded | OutlierRestored, ...] = ()

    @property
    def epochs(self) -> list[int]:
        """Those in which something was asked for, in order."""
        steered: tuple[SettingChanged | RolledBack | EpochCut, ...] = (
            *self.settings, *self.rollbacks, *self.cuts
        )  # fmt: skip
        return sorted({event.epoch for event in steered} | {change.from_epoch for change in self.changes})
