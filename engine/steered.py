"""What a command can do to a run: to one whose training has begun, and before that."""

from typing import Protocol

from engine.commands import Exclude, Restore, Rollback, Set, Skip
from engine.errors import UserError
from engine.event import Event
from engine.text import printable


class Steered(Protocol):
    """What a command can do to a run. Each method but ``position`` may raise UserError: the refusal."""

    def position(self) -> tuple[int, int]:
        """Return the epoch under way and its steps done."""
        ...

    def save_now(self, reason: str) -> str:
        """Save ``checkpoints/last``; once it is on disk return what was done, in words."""
        ...

    def check_save(self) -> None:
        """Raises UserError when there is nothing to save yet."""
        ...

    def check_predict(self) -> None: ...

    def predict_now(self) -> None: ...

    def set_now(self, command: Set) -> Event:
        """Change a setting, and return what to tell of it."""
        ...

    def keep_settings(self) -> None:
        """Write the settings down as they are."""
        ...

    def rollback_now(self, command: Rollback) -> tuple[Event, str]:
        """Go on from the best weights, and say from which."""
        ...

    def skip_now(self, command: Skip) -> tuple[Event, str]:
        """End the epoch under way before its next step, and say after which."""
        ...

    def exclude_now(self, command: Exclude) -> str:
        """Leave images out from the next epoch on, and say which."""
        ...

    def restore_now(self, command: Restore) -> str:
        """Let outliers back in from the next epoch on, and say which."""
        ...

    def restart_clock(self) -> None: ...


class BeforeTraining:
    """A run whose outlier stage is under way: it can be paused and stopped. What it has found is in the journal."""

    def position(self) -> tuple[int, int]:
        return 0, 0

    def save_now(self, reason: str) -> str:
        return "what was found so far is in the journal"

    def check_save(self) -> None:
        raise UserError("there is nothing to save yet; the classes that are judged are in the journal")

    def check_predict(self) -> None:
        raise UserError("no best weights yet: training hasn't begun")

    def predict_now(self) -> None:
        self.check_predict()

    def set_now(self, command: Set) -> Event:
        raise UserError(f"{printable(command.key, 80)} can be changed once training has begun")

    def keep_settings(self) -> None:
        """They are as they were."""

    def rollback_now(self, command: Rollback) -> tuple[Event, str]:
        raise UserError("no best weights yet: training hasn't begun")

    def skip_now(self, command: Skip) -> tuple[Event, str]:
        raise UserError("training hasn't begun")

    def exclude_now(self, command: Exclude) -> str:
        raise UserError("outliers are still being looked for; exclude images once training has begun")

    def restore_now(self, command: Restore) -> str:
        raise UserError("outliers are still being looked for; restore them once training has begun")

    def restart_clock(self) -> None:
        """There is none yet."""
