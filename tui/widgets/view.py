"""What a panel is handed: a run's state as it is now, and how to draw it."""

from dataclasses import dataclass

from engine.journal.state import RunState, Status
from tui.widgets.look import Glyphs


@dataclass(frozen=True, slots=True)
class View:
    """``now`` is the clock's second; ``status`` has the lock's word in it, the state alone has not.

    ``silent``: seconds since the engine said anything, by the clock that ``now`` is of.
    """

    state: RunState
    status: Status
    alive: bool
    now: float
    glyphs: Glyphs
    silent: float = 0.0
