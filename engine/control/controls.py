"""Commands to a running engine: taken between two steps, each answered in the journal."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.control.commands import (
    AnyCommand,
    Checkpoint,
    Command,
    Exclude,
    Pause,
    Predict,
    Refused,
    Restore,
    Resume,
    Rollback,
    Set,
    Skip,
    Spool,
    Stop,
    accepted,
    rejected,
)
from engine.core.errors import UserError
from engine.core.text import printable
from engine.journal.events import DiskFull, Event, Outcome, Paused, Resumed, RunWarning
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace
from engine.run.train_state import peek


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

    def set_now(self, command: Set) -> tuple[Event, str]:
        """Change a setting, and return what to tell of it, and how the run goes on with it, in words."""
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

    def set_now(self, command: Set) -> tuple[Event, str]:
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


_LOOK_EVERY = 0.05


class StopRun(BaseException):
    """Leave the run where it stands; what there was to save is saved.

    No Exception: an order, which no handler of errors on the way may take for one.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome: Outcome = outcome
        self.reason = reason


class Emit(Protocol):
    """Writes events into the journal, all of them or none."""

    def __call__(self, *events: Event) -> object: ...


@dataclass(slots=True)
class _InHand:
    """The command that is being obeyed."""

    path: Path
    answer: tuple[Event, ...] = ()
    """That it was done, with what else is to be told of it, once that is so."""
    told: bool = False
    """Whether it has its answer in the journal, be it a refusal."""

    def is_unfinished(self, command: AnyCommand | Refused) -> bool:
        """Say whether the next attempt is to find the command in the spool, if this one ends here."""
        return not self.told or (bool(self.answer) and isinstance(command, Set))


class Controls:
    """The engine's side of the spool; one for a run."""

    def __init__(self, spool: Spool, emit: Emit, room: DiskSpace) -> None:
        self.room = room
        self.in_force: set[str] | None = None
        """Ids of commands that an engine before obeyed, but didn't answer; None: nobody has looked for them yet."""
        self._spool = spool
        self._emit = emit
        self._in_hand: _InHand | None = None
        self._left: set[Path] = set()
        """Commands that were obeyed, and not to their end: the next attempt finishes and answers them."""
        self._paused_at: float | None = None
        self.stop_after_epoch = ""
        """Who asked to stop once the epoch is over; empty: nobody."""
        self.terminate = False
        """Set by SIGTERM, SIGINT and SIGUSR1."""

    def refuse_all(self, reason: str) -> None:
        """Answer what lies in the spool with a refusal: sent to an engine that was not, or is no more, there."""
        for path, command in self._spool.pending():
            if isinstance(command, Refused):
                self._emit(RunWarning(message=command.why))
            elif path in self._left or self._may_be_in_force(command) or self._is_saved(command):
                continue
            else:
                self._reject(command, reason)
            self._spool.done(path)

    def _may_be_in_force(self, command: AnyCommand) -> bool:
        return self.in_force is None or command.id in self.in_force

    def _is_saved(self, command: AnyCommand) -> bool:
        """Say whether the last checkpoint was saved for ``command``, or can't tell."""
        try:
            progress = peek(RunDir(self._spool.folder.parent).checkpoints)
        except UserError:
            return True
        return progress is not None and bool(command.id) and progress.command == command.id

    def between_steps(self, run: Steered) -> None:
        """Do what was asked since the last call; while the run is paused, wait here.

        Raises StopRun once the run has been saved on a request to stop.
        """
        self.room.wait()
        self._take(run)
        paused = self._paused_at is not None
        while self._paused_at is not None:
            time.sleep(_LOOK_EVERY)
            self.room.wait()
            self._take(run)
        if paused:
            run.restart_clock()

    def while_full(self, full: DiskFull) -> None:
        """Answer what is asked while the run waits for room, in the middle of whatever: nothing but to stop is done.

        Raises StopRun on a request to stop, and if the process was asked to terminate; the run is not saved then.
        """
        if self.room.leaving:  # what is still in the spool is answered at the end
            return
        pending = self._spool.pending()
        stop = next((one for _, one in pending if isinstance(one, Stop) and not one.after_epoch), None)
        leaves = self.terminate or stop is not None
        for path, command in pending:
            hand = self._in_hand if self._in_hand is not None and self._in_hand.path == path else None
            if hand is not None and (hand.told or not leaves):  # it is what waits, and answered later
                continue
            answer = self._answer_while_full(command, full, hand)
            if not answer:
                continue
            try:
                self.room.tell(*answer)
            except OSError:
                break
            if hand is not None:
                hand.told = True
            else:
                self._spool.done(path)
        why = f"{full.words}; no checkpoint was saved, a resume goes on from the one before"
        if leaves:
            self.room.leaving = True
        if stop is not None:
            raise StopRun("stopped", f"stopped by {stop.by or 'a command'}; {why}")
        if leaves:
            raise StopRun("interrupted", f"the process was asked to terminate; {why}")

    def _answer_while_full(
        self, command: AnyCommand | Refused, full: DiskFull, hand: _InHand | None
    ) -> tuple[Event, ...]:
        """Return what to tell of a command; nothing where it isn't known yet what became of it."""
        match command:
            case Refused():
                return (RunWarning(message=command.why),)
            case Stop(after_epoch=True):
                return (self._stop_after_epoch(command),)
            case Stop():
                return (accepted(command, f"stopping without a checkpoint; {full.words}"),)
        if hand is not None:  # without an answer its save may be done all the same: the end will show
            return hand.answer
        if self._may_be_in_force(command):
            return ()
        return (rejected(command, f"{full.words}; the run goes on by itself"),)

    def leave_unsaved(self) -> None:
        """Raise StopRun if it is asked for, in the middle of a step: nothing can be saved then, or is answered else."""
        why = "its images did not come; no checkpoint was saved, a resume goes on from the one before"
        if self.terminate:
            raise StopRun("interrupted", f"the process was asked to terminate in the middle of a step; {why}")
        for path, command in self._spool.pending():
            if isinstance(command, Stop) and not command.after_epoch:
                self._emit(accepted(command, f"stopping in the middle of a step; {why}"))
                self._spool.done(path)
                by = command.by or "a command"
                raise StopRun("stopped", f"stopped by {by} in the middle of a step; {why}")

    def heed_signal(self, run: Steered) -> None:
        """Raise StopRun, once the run has been saved, if the process was asked to terminate."""
        if self.terminate:
            saved = run.save_now("terminated")
            raise StopRun("interrupted", f"the process was asked to terminate; {saved}")

    def _take(self, run: Steered) -> None:
        self.heed_signal(run)
        for path, command in self._spool.pending():
            if not path.exists():  # answered while the one before it waited for room
                continue
            hand = self._in_hand = _InHand(path)
            stays = False
            try:
                if isinstance(command, Refused):
                    self._emit(RunWarning(message=command.why))
                else:
                    self._answer(command, run)
            except (StopRun, OSError) as end:
                stays = hand.is_unfinished(command)
                # Of images that are left out some may have been told; whether so, the next attempt sees.
                if stays and (hand.answer or isinstance(command, Exclude)):
                    self._left.add(path)
                elif self.in_force and isinstance(command, Command) and isinstance(end, OSError):
                    self.in_force.discard(command.id)  # or each attempt would end by it
                raise
            finally:
                self._in_hand = None
                if not stays:
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
                try:
                    run.predict_now()
                except UserError as error:  # accepted it is by now
                    self._emit(RunWarning(message=f"no prediction: {error}; the training goes on"))
                finally:
                    run.restart_clock()
            case Set():
                told, detail = run.set_now(command)
                self._accept(command, detail, told)
                run.keep_settings()
            case Rollback():
                told, detail = run.rollback_now(command)
                self._accept(command, detail, told)
            case Skip():
                told, detail = run.skip_now(command)
                self._accept(command, detail, told)
                self._end_pause(run)
            case Exclude():
                self._accept(command, run.exclude_now(command))
            case Restore():
                self._accept(command, run.restore_now(command))
            case Stop(after_epoch=True):
                self._tell(self._stop_after_epoch(command))
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

    def _accept(self, command: AnyCommand, detail: str, *told: Event) -> None:
        # In one write: an attempt after a kill in between would tell the event again.
        self._tell(*told, accepted(command, detail))

    def _tell(self, *answer: Event) -> None:
        """Tell that the command in hand was done."""
        hand = self._in_hand
        assert hand is not None
        hand.answer = answer
        self._emit(*answer)
        hand.told = True

    def _reject(self, command: AnyCommand, reason: str) -> None:
        self._emit(rejected(command, reason))

    def _stop_after_epoch(self, command: Stop) -> Event:
        self.stop_after_epoch = command.by or "a command"
        return accepted(command, "will stop once this epoch has been validated")
