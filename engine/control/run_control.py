"""The engine's side of the command spool: what is to be done about a run, decided between two steps.

``RunControl.requests`` yields decisions; whoever trains carries them out and answers each with ``accept``. So there is
one place at which a run is steered, and one at which an answer is recorded.
"""

import contextlib
import time
from collections.abc import Iterator
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

_LOOK_EVERY = 0.05
"""Seconds between two reads of the spool while a run is paused."""


class StopRun(BaseException):
    """Leave the run as it is: what could be saved has been saved.

    Not an Exception, so that no handler of errors on the way catches it.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome: Outcome = outcome
        self.reason = reason


class Emit(Protocol):
    """Appends events to the journal, all of them or none."""

    def __call__(self, *events: Event) -> object: ...


class Terminate:
    """A request that came as a signal: save, then leave. It has no answer in the journal."""


@dataclass(slots=True)
class Request:
    """One thing that was asked of the run, and its answer."""

    command: AnyCommand | Terminate
    path: Path | None = None
    """The command's file in the spool; None for a signal."""
    answer: tuple[Event, ...] = ()
    """What is recorded once it is carried out."""
    reported: bool = False
    """Whether its answer, be it a rejection, is in the journal."""

    def is_unfinished(self) -> bool:
        """Return whether the next attempt must find the command in the spool if this one ends here."""
        return not self.reported or (bool(self.answer) and isinstance(self.command, Set))


class RunControl:
    """Reads the spool of one run and records the answers."""

    def __init__(self, spool: Spool, emit: Emit, disk: DiskSpace) -> None:
        self.in_force: set[str] | None = None
        """Ids of commands that an earlier engine carried out but didn't answer; None until they are known."""
        self.stop_after_epoch = ""
        """Who asked to stop after the epoch; empty: nobody."""
        self.terminate = False
        """Set by SIGTERM, SIGINT and SIGUSR1."""
        self._spool = spool
        self._emit = emit
        self._disk = disk
        self._in_hand: Request | None = None
        self._left: set[Path] = set()
        """Commands that were carried out in part: the next attempt finishes and answers them."""
        self._paused_at: float | None = None
        self._has_paused = False

    def refuse_all(self, reason: str) -> None:
        """Reject everything in the spool: it was sent while no engine was running, or to one that is ending."""
        for path, command in self._spool.pending():
            if isinstance(command, Refused):
                self._emit(RunWarning(message=command.why))
            elif path in self._left or self._may_be_in_force(command) or self._is_saved(command):
                continue
            else:
                self._emit(rejected(command, reason))
            self._spool.done(path)

    def _may_be_in_force(self, command: AnyCommand) -> bool:
        return self.in_force is None or command.id in self.in_force

    def _is_saved(self, command: AnyCommand) -> bool:
        """Return whether the last checkpoint was saved for ``command``, or can't be read."""
        try:
            progress = peek(RunDir(self._spool.folder.parent).checkpoints)
        except UserError:
            return True
        return progress is not None and bool(command.id) and progress.command == command.id

    def requests(self) -> Iterator[Request]:
        """Yield what was asked since the last call, in order; while the run is paused, what is asked meanwhile too.

        Carry out each within ``answering``. Files in the spool that are no valid command are reported here.
        """
        while True:
            self._disk.wait()
            if self.terminate:
                yield Request(Terminate())
            for path, command in self._spool.pending():
                if not path.exists():  # answered while the one before it waited for disk space
                    continue
                if isinstance(command, Refused):
                    self._emit(RunWarning(message=command.why))
                    self._spool.done(path)
                else:
                    yield Request(command, path)
            if self._paused_at is None:
                return
            time.sleep(_LOOK_EVERY)

    @contextlib.contextmanager
    def answering(self, request: Request) -> Iterator[None]:
        """Carry out ``request`` in this context: a UserError rejects it, and then its file leaves the spool.

        If the run ends within it, the file stays for the next attempt unless its answer is recorded.
        """
        self._in_hand = request
        stays = False
        try:
            try:
                yield
            except UserError as error:
                self._reject(request, error)
        except (StopRun, OSError) as end:
            stays = request.is_unfinished()
            command, path = request.command, request.path
            # Some of the images to exclude may have been recorded; the next attempt sees which.
            if stays and path is not None and (request.answer or isinstance(command, Exclude)):
                self._left.add(path)
            elif self.in_force and isinstance(command, Command) and isinstance(end, OSError):
                self.in_force.discard(command.id)  # or it would end each attempt
            raise
        finally:
            self._in_hand = None
            if not stays and request.path is not None:
                self._spool.done(request.path)

    def accept(self, request: Request, detail: str, *events: Event) -> None:
        """Record that ``request`` was carried out: ``events``, then the answer with ``detail``."""
        assert not isinstance(request.command, Terminate)
        # In one write: an attempt after a kill in between would record the events again.
        self._record(request, *events, accepted(request.command, detail))

    def _record(self, request: Request, *answer: Event) -> None:
        request.answer = answer
        self._emit(*answer)
        request.reported = True

    def _reject(self, request: Request, reason: UserError) -> None:
        if isinstance(request.command, Terminate):
            raise reason
        self._emit(rejected(request.command, str(reason)))
        request.reported = True

    def _pause(self, request: Request, epoch: int, step: int) -> None:
        """Pause the run after ``step`` steps of ``epoch``. Raises UserError if it is paused."""
        if self._paused_at is not None:
            raise UserError("the run is paused already")
        self._paused_at = time.monotonic()
        self._has_paused = True
        self._emit(Paused(epoch=epoch, step=step))
        self.accept(request, f"paused at epoch {epoch}, step {step}")

    def _resume(self, request: Request, epoch: int, step: int) -> None:
        """End the pause. Raises UserError if the run is not paused."""
        if self._paused_at is None:
            raise UserError("the run is not paused")
        self.end_pause(epoch, step)
        self.accept(request, "going on")

    def end_pause(self, epoch: int, step: int) -> None:
        """End a pause, if there is one."""
        if self._paused_at is not None:
            self._emit(Resumed(epoch=epoch, step=step, paused_for=time.monotonic() - self._paused_at))
            self._paused_at = None

    def has_paused(self) -> bool:
        """Return whether the run was paused since the last call."""
        paused, self._has_paused = self._has_paused, False
        return paused

    def carry_out(self, request: Request, epoch: int, step: int) -> bool:
        """Carry out and accept a request that needs no trainer: pause, resume, stop after the epoch.

        Return False for any other request. Raises UserError if the run is paused already, or not paused.
        """
        match request.command:
            case Pause():
                self._pause(request, epoch, step)
            case Resume():
                self._resume(request, epoch, step)
            case Stop(after_epoch=True) as command:
                self._record(request, self._stops_after_epoch(command))
                self.end_pause(epoch, step)
            case _:
                return False
        return True

    def _stops_after_epoch(self, command: Stop) -> Event:
        self.stop_after_epoch = command.by or "a command"
        return accepted(command, "will stop once this epoch has been validated")

    def attend_before_training(self) -> None:
        """Carry out what can be done while outliers are searched for: pause, resume and stop. Reject the rest.

        Raises StopRun; what was found so far is in the journal.
        """
        for request in self.requests():
            with self.answering(request):
                self._obey_before_training(request)
        self.has_paused()  # there is no clock yet

    def _obey_before_training(self, request: Request) -> None:
        found = "what was found so far is in the journal"
        if self.carry_out(request, 0, 0):
            return
        match request.command:
            case Terminate():
                raise StopRun("interrupted", f"the process was asked to terminate; {found}")
            case Stop() as command:
                self.accept(request, f"stopping; {found}")
                raise StopRun("stopped", f"stopped by {command.by or 'a command'}; {found}")
            case Checkpoint():
                raise UserError(
                    "there is nothing to save yet; the classes that are judged are in the journal"
                )
            case Predict() | Rollback():
                raise UserError("no best weights yet: training hasn't begun")
            case Set() as command:
                raise UserError(f"{printable(command.key, 80)} can be changed once training has begun")
            case Skip():
                raise UserError("training hasn't begun")
            case Exclude():
                raise UserError("outliers are still being looked for; exclude images once training has begun")
            case Restore():
                raise UserError("outliers are still being looked for; restore them once training has begun")

    def while_full(self, full: DiskFull) -> None:
        """Answer requests while the run waits for disk space, wherever that is: only a stop is carried out.

        Raises StopRun on a request to stop, and if the process was asked to terminate; the run is not saved then.
        """
        if self._disk.leaving:  # what is still in the spool is answered at the end
            return
        pending = self._spool.pending()
        stop = next((one for _, one in pending if isinstance(one, Stop) and not one.after_epoch), None)
        leaves = self.terminate or stop is not None
        for path, command in pending:
            hand = self._in_hand if self._in_hand is not None and self._in_hand.path == path else None
            if hand is not None and (hand.reported or not leaves):  # it is what waits, and answered later
                continue
            answer = self._answer_while_full(command, full, hand)
            if not answer:
                continue
            try:
                self._disk.tell(*answer)
            except OSError:
                break
            if hand is not None:
                hand.reported = True
            else:
                self._spool.done(path)
        why = f"{full.words}; no checkpoint was saved, a resume goes on from the one before"
        if leaves:
            self._disk.leaving = True
        if stop is not None:
            raise StopRun("stopped", f"stopped by {stop.by or 'a command'}; {why}")
        if leaves:
            raise StopRun("interrupted", f"the process was asked to terminate; {why}")

    def _answer_while_full(
        self, command: AnyCommand | Refused, full: DiskFull, hand: Request | None
    ) -> tuple[Event, ...]:
        """Return the answer to a command; nothing while its outcome isn't known yet."""
        match command:
            case Refused():
                return (RunWarning(message=command.why),)
            case Stop(after_epoch=True):
                return (self._stops_after_epoch(command),)
            case Stop():
                return (accepted(command, f"stopping without a checkpoint; {full.words}"),)
        if hand is not None:  # without an answer its save may be done all the same: the end will show
            return hand.answer
        if self._may_be_in_force(command):
            return ()
        return (rejected(command, f"{full.words}; the run goes on by itself"),)

    def leave_unsaved(self) -> None:
        """Raise StopRun if a stop was requested in the middle of a step, where nothing can be saved."""
        why = "its images did not come; no checkpoint was saved, a resume goes on from the one before"
        if self.terminate:
            raise StopRun("interrupted", f"the process was asked to terminate in the middle of a step; {why}")
        for path, command in self._spool.pending():
            if isinstance(command, Stop) and not command.after_epoch:
                self._emit(accepted(command, f"stopping in the middle of a step; {why}"))
                self._spool.done(path)
                by = command.by or "a command"
                raise StopRun("stopped", f"stopped by {by} in the middle of a step; {why}")
