"""An engine that was started from the live view: it begins, or it has died before it could."""

from engine.journal.events import RunStarted
from engine.journal.state import RunState, Status

_PATIENCE = 15.0


class EngineStart:
    """Under way from ``begin`` until the journal or the lock says how it went."""

    def __init__(self) -> None:
        self._under_way: tuple[RunStarted | None, float] | None = None
        """The start that stood in the journal before it, and when it was asked for."""

    @property
    def under_way(self) -> bool:
        return self._under_way is not None

    def begin(self, state: RunState, now: float) -> None:
        self._under_way = (state.started, now)

    def end(self) -> None:
        self._under_way = None

    def has_died(self, state: RunState, *, alive: bool, was_alive: bool, now: float) -> bool:
        """See how it stands; True, once, when the engine is gone and has not begun."""
        if self._under_way is None:
            return False
        before, since = self._under_way
        begun = state.started is not before
        died = not begun and not alive and (was_alive or now - since > _PATIENCE)
        if begun or died:
            self._under_way = None
        return died


def why_not_resumed(state: RunState, status: Status, *, alive: bool) -> str:
    """Return why there is nothing to resume; nothing where there is."""
    if alive and state.ended is not None:
        return "the engine is still closing its files; r again in a moment"
    if alive:
        return "the run is live already; p pauses it"
    return "the run is finished: there is nothing to resume" if status == "finished" else ""
