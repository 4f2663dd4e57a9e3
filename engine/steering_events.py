"""What was asked of a run and what came of it: a part of ``engine.events``, on the same terms."""

from engine.event import Event


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


class SettingChanged(Event, frozen=True):
    key: str
    old: str
    new: str
    epoch: int
    step: int
    by: str = ""
    """Who asked, as user@host; empty in journals of older versions."""
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
