"""The runs of an ablation, one after the other, in engines of their own that outlive this process."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from engine.analysis.ablation import Plan, PlannedRun
from engine.analysis.compare import RunReader, RunSummary
from engine.control.commands import Stop, send
from engine.core import stop_signals
from engine.core.errors import UserError
from engine.core.text import count, printable
from engine.journal.index import past_state
from engine.journal.log import JournalReader
from engine.run.crash import ended_by
from engine.run.directory import RunDir, is_run
from tui.cli.ablate_results import tell_results
from tui.cli.naming import shown_path
from tui.cli.say import note
from tui.cli.standing import score
from tui.headless import Patience
from tui.progress import ProgressBar
from tui.spawn import start_engine
from tui.widgets.wording import duration

_POLL = 0.1
_INTERRUPTED = 130


def conduct(folder: Path, plan: Plan) -> int:
    """Train what isn't yet, tell and draw what was found; return ``vrdl-tui ablate``'s exit code."""
    return Ablation(folder, plan).run() or tell_results(folder, plan)


class Ablation:
    """Trains what isn't yet; finished runs are kept, one cut off goes on, one that lives is waited for."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._trainings = plan.trainings
        self._signals = 0
        self._took: list[float] = []
        """Seconds of each run that is through."""

    def run(self) -> int:
        """Return the exit code: 0 all runs are finished, 1 one failed, 130 interrupted.

        The first SIGINT, SIGTERM or SIGUSR1 asks the engine to stop with a checkpoint, the second leaves it to that.
        Raises OSError where a run can't be written.
        """
        stop_signals.answer(self._on_signal)
        for number, training in enumerate(self._trainings, 1):
            if self._signals:
                return self._interrupted()
            run = self._prepare(training)
            before = RunReader(run).read()
            where = f"[{number}/{len(self._trainings)}] {training.name}"
            if before.status == "finished":
                self._took.append(before.seconds)
                note(f"{where}: kept, {_best(before)}")
                continue
            note(f"{where}: {_how_it_starts(run, before)}{self._left(number - 1)}")
            began = time.monotonic()
            problem = self._follow(run)
            if self._signals:
                return self._interrupted()
            after = RunReader(run).read()
            if problem or after.status != "finished":
                note(f"{where}: {problem or 'stopped from elsewhere'}; {_AGAIN}")
                return 1
            self._took.append(time.monotonic() - began)
            note(f"{where}: {_best(after)}, {duration(self._took[-1])}{self._left(number)}")
        return 0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _interrupted(self) -> int:
        note(f"interrupted; {_AGAIN}")
        return _INTERRUPTED

    def _prepare(self, training: PlannedRun) -> RunDir:
        run = RunDir(self._folder / training.name)
        if is_run(run.path):
            return run
        return RunDir.create(
            self._folder,
            training.name,
            training.recipe.model.name,
            training.recipe.to_toml(),
            training.recipe.train.share,
        )

    def _left(self, done: int) -> str:
        """Say how long the runs after the first ``done`` may take; nothing while no run is through."""
        runs = len(self._trainings) - done
        if not self._took or not runs:
            return ""
        return f"; {count(runs, 'run')} to go, about {duration(runs * sum(self._took) / len(self._took))}"

    def _follow(self, run: RunDir) -> str:
        """Stay with the run to its engine's end; return what went wrong."""
        reader = JournalReader(run.journal)
        state = past_state(reader)
        state.ended = None  # of an earlier attempt
        ask_to_stop = _engine_of(run)
        asked, patience = False, Patience()
        with ProgressBar() as bar:
            while True:
                # The lock before the journal: an engine writes its end first, and lets go of the lock after it.
                alive = run.is_alive()
                try:
                    state.apply_all(reader.read())
                    alive = patience.goes_on(run, alive=alive, ended=state.ended is not None)
                except OSError as error:
                    alive = patience.lasts(error)  # the lock can't be believed either
                if not alive:
                    break
                bar.show(state)
                if self._signals and not asked:
                    asked = True
                    ask_to_stop()
                    bar.hide()
                    note("stopping with a checkpoint; Ctrl-C again leaves at once")
                if self._signals > 1:
                    return ""
                time.sleep(_POLL)
        if state.ended is None and patience.problem:
            return f"can't be read: {patience.problem}"
        if state.ended is None:
            how = ended_by(run, state) or "broke off without a word"
            return f"{how}; see {shown_path(run.engine_log)}"
        if state.ended.outcome == "failed":
            return f"failed: {printable(state.ended.reason)}; details in {shown_path(run.engine_log)}"
        return ""


_AGAIN = "the same command goes on"


def _engine_of(run: RunDir) -> Callable[[], object]:
    """Start an engine on the run, unless one has it already; return how to ask it to stop."""
    if not run.is_alive():
        try:
            process = start_engine(run)
        except UserError:
            if not run.is_alive():
                raise
            # Someone was quicker: that engine does as well.
        else:
            return lambda: os.kill(process, signal.SIGTERM)
    return lambda: send(run.commands, Stop())


def _how_it_starts(run: RunDir, before: RunSummary) -> str:
    if run.is_alive():
        return "is being trained already"
    return f"goes on after {count(len(before.epochs), 'epoch')}" if before.epochs else "training"


def _best(run: RunSummary) -> str:
    best = run.best
    if best is None:
        return "no epoch"
    return f"best {score('val_acc', best.val_acc)} in epoch {best.epoch} of {len(run.epochs)}"
