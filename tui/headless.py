"""Stay with a run without the console: train.log on stdout, all else on stderr."""

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from engine.errors import UserError
from engine.events import (
    AnyEvent,
    BadImage,
    DatasetScanned,
    EpochStarted,
    LrDecayed,
    PredictionWritten,
    RunEnded,
    RunStarted,
    StageStarted,
    Warning,
)
from engine.journal import JournalReader
from engine.journal_index import past_state
from engine.progress import peek
from engine.rundir import RunDir
from engine.steering_events import Paused, Resumed, SettingChanged
from engine.text import printable
from tui.cli.naming import run_argument, shown_path
from tui.cli.say import note
from tui.cli.standing import standing
from tui.progress import ProgressBar
from tui.spawn import start_engine
from tui.widgets.happenings import Teller

_POLL = 0.1
_INTERRUPTED = 130
_TOLD = (
    BadImage, DatasetScanned, LrDecayed, Paused, PredictionWritten, Resumed, SettingChanged, StageStarted,
    Warning,
)  # fmt: skip


def run_headless(run: RunDir) -> int:
    """Start the engine on ``run``, follow it to its end and return the exit code.

    0: finished, early-stopped, or stopped by a command; 1: failed; 130: interrupted. The first SIGINT,
    SIGTERM or SIGUSR1 asks the engine to stop with a checkpoint, the second leaves it to that. Should this process
    die, the engine lives on. Raises UserError when an engine has the run already, BrokenPipeError when
    nobody reads stdout any more.
    """
    return _Headless(run).follow()


class _Headless:
    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._reader = JournalReader(run.journal)
        self._state = past_state(self._reader)
        self._state.ended = None  # of an earlier attempt
        self._teller = Teller()
        self._log = _TrainLogReader(run)
        self._signals = 0

    def follow(self) -> int:
        """Follow the engine that is started here."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._on_signal)
        process = start_engine(self._run)
        asked = False
        with ProgressBar() as bar:
            try:
                while self._step(bar):
                    if self._signals and not asked:
                        asked = True
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
                note(f"nobody reads the log any more; {standing(self._run)}")
                raise
        return self._close()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _step(self, bar: ProgressBar) -> bool:
        """Show what is new and say whether the engine goes on."""
        # The lock before the journal: an engine writes its end first, and lets go of the lock after it.
        alive = self._run.is_alive()
        for event in self._reader.read():
            self._state.apply(event)
            self._log.hear(event)
            told = self._teller.tell(event)
            if told is not None and isinstance(event, _TOLD):
                bar.hide()
                note(printable(told.text))
        if lines := self._log.read():
            bar.hide()
            _write(lines)
        bar.show(self._state)
        return alive

    def _close(self) -> int:
        ended = self._state.ended
        if ended is None:
            if self._signals:
                note(standing(self._run))
                return _INTERRUPTED
            log = shown_path(self._run.engine_log)
            note(f"run {printable(self._run.name)} broke off without a word; see {log}")
            return 1
        note(standing(self._run))
        return ended.exit_code


def _write(lines: bytes) -> None:
    if sys.stdout is not None:
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()


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
