"""Stay with a run without the console: train.log on stdout, all else on stderr."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from engine.core import stop_signals
from engine.core.errors import UserError
from engine.core.files import open_regular
from engine.core.text import printable
from engine.journal.events import (
    AnyEvent,
    BadImage,
    CopiesDropped,
    DatasetScanned,
    EpochStarted,
    LrDecayed,
    Paused,
    PredictionScored,
    PredictionWritten,
    Resumed,
    RunEnded,
    RunStarted,
    RunWarning,
    SettingChanged,
    StageStarted,
)
from engine.journal.index import past_state
from engine.journal.log import JournalReader
from engine.run.crash import ended_by
from engine.run.directory import RunDir
from engine.run.train_state import peek
from tui.cli.naming import run_argument, shown_path
from tui.cli.say import note
from tui.cli.standing import standing
from tui.progress import ProgressBar
from tui.spawn import start_engine
from tui.widgets.happenings import Teller

_POLL = 0.1
_PATIENCE = 30.0
_INTERRUPTED = 130
_TOLD = (
    BadImage, CopiesDropped, DatasetScanned, LrDecayed, Paused, PredictionWritten, PredictionScored, Resumed,
    RunWarning, SettingChanged, StageStarted,
)  # fmt: skip


def run_headless(run: RunDir) -> int:
    """Start the engine on ``run``, follow it to its end and return the exit code.

    0: finished, early-stopped, or stopped by a command; 1: failed, or left since stdout can't be written; 130:
    interrupted. The first SIGINT, SIGTERM or SIGUSR1 asks the engine to stop with a checkpoint, the second leaves it
    to that. Should this process die, the engine lives on. Raises UserError when an engine has the run already,
    BrokenPipeError when nobody reads stdout any more.
    """
    try:
        return _Headless(run).follow()
    finally:
        _let_go()


class Patience:
    """With a run that can't be read: a shared disk may be away for a moment, and its engine goes on."""

    def __init__(self) -> None:
        self.problem = ""
        """Why it can't be read now."""
        self._since = 0.0

    def lasts(self, error: OSError) -> bool:
        """Say whether to try once more."""
        now = time.monotonic()
        if not self.problem:
            self._since = now
        self.problem = error.strerror or str(error)
        return now - self._since < _PATIENCE

    def goes_on(self, run: RunDir, *, alive: bool, ended: bool) -> bool:
        """Say whether to look once more at a run; where it seems to have broken off its disk may be away."""
        if not alive and not ended:
            try:
                run.journal.stat()
                open_regular(run.lock_file, follow=False).close()
            except OSError as error:
                if not _never_began(run):
                    return self.lasts(error)
            alive = run.is_alive()
        self.problem = ""
        return alive


def _never_began(run: RunDir) -> bool:
    """Return whether the engine ended before its first event: the run can be read, but it has no journal."""
    return os.path.lexists(run.recipe) and not os.path.lexists(run.journal)


class _LogLostError(Exception):
    """The training log can't be written to stdout; the text says why."""


class _Headless:
    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._reader = JournalReader(run.journal)
        self._state = past_state(self._reader)
        self._state.ended = None  # of an earlier attempt
        self._teller = Teller()
        self._log = _TrainLogReader(run)
        self._patience = Patience()
        self._signals = 0
        self._process = 0

    def follow(self) -> int:
        """Follow the engine that is started here."""
        stop_signals.answer(self._on_signal)
        self._process = process = start_engine(self._run)
        asked = False
        with ProgressBar() as bar:
            try:
                while self._step(bar):
                    if self._signals and not asked:
                        asked = True
                        with contextlib.suppress(ProcessLookupError):  # it was quicker
                            os.kill(process, signal.SIGTERM)
                        bar.hide()
                        note("stopping with a checkpoint; Ctrl-C again leaves at once")
                    if self._signals > 1:
                        bar.hide()
                        resume = f"vrdl-tui resume {run_argument(self._run)}"
                        note(f"left; the run saves its state and ends; go on with: {resume}")
                        return _INTERRUPTED
                    time.sleep(_POLL)
            except BrokenPipeError:
                bar.hide()
                note(f"nobody reads the log any more; {self._standing()}")
                raise
            except _LogLostError as lost:
                bar.hide()
                note(f"the log can't be written any more: {lost}; {self._standing()}")
                return 1
        return self._close()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _step(self, bar: ProgressBar) -> bool:
        """Show what is new and say whether the engine goes on."""
        # The lock before the journal: an engine writes its end first, and lets go of the lock after it.
        alive = self._run.is_alive()
        try:
            events = self._reader.read()
        except OSError as error:
            return self._patience.lasts(error)  # the lock can't be believed either
        for event in events:
            self._state.apply(event)
            self._log.hear(event)
            told = self._teller.tell(event)
            if told is not None and isinstance(event, _TOLD):
                bar.hide()
                note(printable(told.text))
        try:
            lines = self._log.read()
        except OSError as error:
            return self._patience.lasts(error)
        if lines:
            bar.hide()
            _write(lines)
        bar.show(self._state)
        return self._patience.goes_on(self._run, alive=alive, ended=self._state.ended is not None)

    def _close(self) -> int:
        ended, name = self._state.ended, printable(self._run.name)
        if ended is None and self._patience.problem:
            note(
                f"left: run {name} can't be read ({self._patience.problem}); vrdl-tui runs tells how it stands"
            )
            return _INTERRUPTED if self._signals else 1
        if ended is None and not self._signals:
            how = ended_by(self._run, self._state, self._code()) or "broke off without a word"
            note(f"run {name} {how}; see {shown_path(self._run.engine_log)}")
            return 1
        note(self._standing())
        return _INTERRUPTED if ended is None else ended.exit_code

    def _code(self) -> int:
        """Return the engine's return code, as of subprocess; 0 if it is not known."""
        try:
            ended, status = os.waitpid(self._process, os.WNOHANG)
        except ChildProcessError:
            return 0
        return os.waitstatus_to_exitcode(status) if ended else 0

    def _standing(self) -> str:
        try:
            return standing(self._run)
        except OSError:  # its disk is away
            return f"vrdl-tui runs tells how run {printable(self._run.name)} stands"


def _write(lines: bytes) -> None:
    """Raises _LogLostError, and BrokenPipeError."""
    try:
        if sys.stdout is not None:
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk
        raise _LogLostError(error.strerror or str(error)) from None


def _let_go() -> None:
    """Drop what can't be written: the interpreter would try once more on its way out, and give another exit code."""
    for fd, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), fd)


class _TrainLogReader:
    """Reads what the engine adds to ``train.log``, from where its checkpoint lets it go on.

    A resumed engine cuts the log back to its checkpoint before it adds to it, and it has done so once its
    first epoch starts; until then the bytes behind that place are an older attempt's.
    """

    def __init__(self, run: RunDir) -> None:
        self._path = run.train_log
        self._offset = _saved_length(run.checkpoints)
        self._cut = False
        self._training = False

    def hear(self, event: AnyEvent) -> None:
        match event:
            case RunStarted():
                self._cut = self._training = False
            case StageStarted(stage="training"):
                self._training = True
            case EpochStarted():
                self._cut = True
            case RunEnded() | StageStarted(stage="predicting"):
                self._cut = self._training  # a run whose epochs were all done has no more of them to start

    def read(self) -> bytes:
        """Return the whole lines that came since the last call."""
        if not self._cut:
            return b""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return b""
        lines = data[: data.rfind(b"\n") + 1]
        self._offset += len(lines)
        return lines


def _saved_length(checkpoints: Path) -> int:
    try:
        saved = peek(checkpoints)
    except UserError:  # the engine meets it too, and says so
        return 0
    return saved.log_length if saved else 0
