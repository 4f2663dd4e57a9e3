"""How often the panels that an epoch's end redraws are redrawn."""

from engine.journal.state import Status
from tui.widgets.view import View

_PERIOD = 6.0
"""Seconds. A redrawn curve and matrix are some 4.5 kB: with shorter epochs they would be most of what goes
over a slow line, and no one reads a curve that often."""


class EpochBeat:
    """Lets new epochs through at most every six seconds while the run is live, and all else at once."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._epochs = 0
        self._at = 0.0

    def due(self, view: View) -> bool:
        """Tell whether the epoch's panels are to be given ``view`` now; if so, it counts as shown."""
        epochs = len(view.state.epochs)
        grown = view.alive and view.status == self._status and epochs > self._epochs > 0
        if grown and 0 <= view.now - self._at < _PERIOD:  # a clock that was put back never holds it up
            return False
        if epochs != self._epochs:
            self._at = view.now
        self._status, self._epochs = view.status, epochs
        return True
