"""Commands to a running engine: taken between two steps, each answered in the journal."""

import time
from collections.abc import Callable
from typing import Protocol

from engine.commands import (
    AnyCommand,
    Checkpoint,
    Exclude,
    Pause,
    Predict,
    Restore,
    Resume,
    Rollback,
    Set,
    Skip,
    Spool,
    Stop,
    command_name,
)
from engine.errors import UserError
from engine.event import Event
from engine.events import CommandAccepted, CommandRejected, Outcome, Paused, Resumed

_LOOK_EVERY = 0.05


class StopRun(BaseException):
    """Leave the run where it stands; what there was to save is saved.

    No Exception: an order, which no handler of errors on the way may take for one.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome: Outcome = outcome
        self.reason = reason


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

    def set_now(self, key: str, value: str) -> None: ...

    def rollback_now(self) -> str:
        """Go on from the best weights, and say from which."""
        ...

    def skip_now(self) -> str:
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

    def set_now(self, key: str, value: str) -> None:
        raise UserError(f"{key} can be changed once training has begun")

    def rollback_now(self) -> str:
        raise UserError("no best weights yet: training hasn't begun")

    def skip_now(self) -> str:
        raise UserError("training hasn't begun")

    def exclude_now(self, command: Exclude) -> str:
        raise UserError("outliers are still being looked for; exclude images once training has begun")

    def restore_now(self, command: Restore) -> str:
        raise UserError("outliers are still being looked for; restore them once training has begun")

    def restart_clock(self) -> None:
        """There is none yet."""


class Controls:
    """The engine's side of the spool; one for a run."""

    def __init__(self, spool: Spool, emit: Callable[[Event], object]) -> None:
        self._spool = spool
        self._emit = emit
        self._paused_at: float | None = None
        self.stop_after_epoch = ""
        """Who asked to stop once the epoch is over; empty: nobody."""
        self.terminate = False
        """Set by SIGTERM."""

    def refuse_all(self, reason: str) -> None:
        """Answer what lies in the spool with a refusal: sent to an engine that was not, or is no more, there."""
        for path, command in self._spool.pending():
            if command is not None:
                self._reject(command, reason)
            self._spool.done(path)

    def between_steps(self, run: Steered) -> None:
        """Do what was asked since the last call; while the run is paused, wait here.

        Raises StopRun once the run has been saved on a request to stop.
        """
        self._take(run)
        if self._paused_at is None:
            return
        while self._paused_at is not None:
            time.sleep(_LOOK_EVERY)
            self._take(run)
        run.restart_clock()

    def _take(self, run: Steered) -> None:
        if self.terminate:
            saved = run.save_now("terminated")
            raise StopRun("interrupted", f"the process was asked to terminate; {saved}")
        for path, command in self._spool.pending():
            try:
                if command is not None:
                    self._answer(command, run)
            finally:
                self._spool.done(path)

    def _answer(self, command: AnyCommand, run: Steered) -> None:
        try:
            self._obey(command, run)
        except UserError as error:
            self._reject(command, str(error))

    def _obey(self, command: AnyCommand, run: Steered) -> None:
        match command:
            case Pause():
                self._pause(command, run)
            case Resume():
                self._resume(command, run)
            case Checkpoint():
                run.check_save()
                run.save_now("asked for")
                epoch, step = run.position()
                self._accept(command, f"saved at epoch {epoch}, step {step}")
            case Predict():
                run.check_predict()
                self._accept(command, "predicting with the best weights so far")
                run.predict_now()
                run.restart_clock()
            case Set():
                run.set_now(command.key, command.value)
                self._accept(command, f"{command.key} = {command.value}")
            case Rollback():
                self._accept(command, run.rollback_now())
            case Skip():
                self._accept(command, run.skip_now())
                self._end_pause(run)
            case Exclude():
                self._accept(command, run.exclude_now(command))
            case Restore():
                self._accept(command, run.restore_now(command))
            case Stop(after_epoch=True):
                self.stop_after_epoch = command.by or "a command"
                self._accept(command, "will stop once this epoch has been validated")
                self._end_pause(run)
            case Stop():
                saved = run.save_now("stopped")
                self._accept(command, f"stopping; {saved}")
                raise StopRun("stopped", f"stopped by {command.by or 'a command'}; {saved}")

    def _pause(self, command: Pause, run: Steered) -> None:
        if self._paused_at is not None:
            raise UserError("the run is paused already")
        epoch, step = run.position()
        self._paused_at = time.monotonic()
        self._emit(Paused(epoch=epoch, step=step))
        self._accept(command, f"paused at epoch {epoch}, step {step}")

    def _resume(self, command: Resume, run: Steered) -> None:
        if self._paused_at is None:
            raise UserError("the run is not paused")
        self._end_pause(run)
        self._accept(command, "going on")

    def _end_pause(self, run: Steered) -> None:
        if self._paused_at is not None:
            epoch, step = run.position()
            self._emit(Resumed(epoch=epoch, step=step, paused_for=time.monotonic() - self._paused_at))
            self._paused_at = None

    def _accept(self, command: AnyCommand, detail: str) -> None:
        self._emit(CommandAccepted(id=command.id, name=command_name(command), by=command.by, detail=detail))

    def _reject(self, command: AnyCommand, reason: str) -> None:
        self._emit(CommandRejected(id=command.id, name=command_name(command), by=command.by, reason=reason))
