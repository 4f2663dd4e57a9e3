"""One attempt at a run: its stages from start to end, each recorded in the journal."""

import contextlib
import os
import signal
import socket
import sys
import threading
import traceback
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from engine import __version__
from engine.control.commands import Set, Spool
from engine.control.recovery import unfinished
from engine.control.run_control import RunControl, StopRun
from engine.core import stop_signals
from engine.core.errors import UserError
from engine.core.files import remove_leftovers
from engine.core.text import printable
from engine.journal.events import (
    CopiesDropped,
    DatasetScanned,
    Event,
    Outcome,
    RunEnded,
    RunStarted,
    RunWarning,
    Stage,
    StageStarted,
)
from engine.journal.index import IndexUpdater, past_state
from engine.journal.log import JournalReader, JournalWriter
from engine.outliers.files.acting import OutlierActions
from engine.recipe.recipe import Recipe, load_recipe, values_of
from engine.recipe.weights_source import go_offline_if_unreachable, weights_source
from engine.run.data_now import Past
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace
from engine.run.lock import FOLDER_GONE
from engine.run.notify import Attendance, Ending, load_settings, run_command, settings_path
from engine.run.recipe_edits import Edit, find_edits, refuse_edits
from engine.run.resumable import refuse_restart
from engine.run.train_state import TrainState, peek
from engine.training.failure import describe
from engine.training.system import SystemSampler

if TYPE_CHECKING:
    from engine.data.images import DataSet
    from engine.data.loading.pool import Pool

E = TypeVar("E", bound=Event)

_NOTICE = 5.0
"""Seconds that the person's own command is waited for at the end."""

_EXIT_CODES: dict[Outcome, int] = {
    "finished": 0,
    "early_stopped": 0,
    "stopped": 0,
    "interrupted": 130,
    "failed": 1,
}


class Session:
    """Runs one attempt at a run whose lock is held."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._before = past_state(JournalReader(run.journal))
        remove_leftovers(run.path)
        self._journal = JournalWriter(run.journal)
        self._index = IndexUpdater(run.journal)
        self._spool = Spool(run.commands)
        self._disk = DiskSpace(run.path, self._journal.append_all)
        self._control = RunControl(self._spool, self._append, self._disk)
        self._disk.while_waiting = self._control.while_full
        self._progress: TrainState | None = None
        self._edits: list[Edit] = []
        """What was changed in ``recipe.toml`` since the checkpoint, or the attempt before."""
        self._steered = False
        """Whether commands and SIGTERM are handled between two steps; if not, SIGTERM ends the run at once."""
        self._telling = False
        """Whether the main thread is writing to the journal, which must not be interrupted."""

    def run(self) -> int:
        """Run the attempt and return the exit code of the process. Raises nothing: the reason is in the journal."""
        outcome: Outcome
        try:
            stop_signals.answer(self._terminate)  # one that came before ends the run here
            self._disk.keep_reserve()
            outcome, reason = self._stages(), ""
        except StopRun as order:
            outcome, reason = order.outcome, order.reason
        except BaseException as error:
            with contextlib.suppress(OSError):
                traceback.print_exc()
            outcome, reason = "failed", self._why_failed(error)
        self._disk.close()
        with contextlib.suppress(OSError):
            self._control.refuse_all("the run has ended")
        return self._end(outcome, reason)

    def _why_failed(self, error: BaseException) -> str:
        if not self._run.recipe.exists():  # whatever could not be written first
            _note(f"engine: {FOLDER_GONE}")
            return FOLDER_GONE
        return describe(error)

    def abandon(self, reason: str) -> None:
        """Record in the journal, wherever it is by now, that the run's folder is gone. Called on another thread."""
        if not reason.startswith("the run was taken"):
            self._journal.append(RunEnded("failed", reason, epoch=0, best=None, best_epoch=0, exit_code=1))

    def _stages(self) -> Outcome:
        recipe = self._start()
        fresh = self._progress is None
        if fresh and weights_source(recipe.model) == "hub" and go_offline_if_unreachable():
            self._emit(
                RunWarning(
                    message="the weights hub can't be reached; only weights downloaded before can be used"
                )
            )
        # These processes don't import torch, and are ready by the time this one has.
        from engine.data.loading.pool import Pool, worker_count

        pool = Pool(worker_count(recipe.data.workers))
        pool.told = lambda words: self._emit(RunWarning(message=words))
        try:
            return self._train(recipe, pool, fresh=fresh)
        finally:
            pool.close()

    def _train(self, recipe: Recipe, pool: "Pool", *, fresh: bool) -> Outcome:
        self._stage("importing", "torch and timm")
        from engine.model.sizes import model_args
        from engine.recipe.model_sizes import NO_ARGS
        from engine.training.copy_watch import CopyWatch
        from engine.training.setup import Training

        args = model_args(recipe.model, recipe.data) if fresh else NO_ARGS
        self._stage("reading data", recipe.data.train)
        from engine.data.images import scan

        record, past = self._run.split, Past.of(self._run, recipe, self._before, trained=not fresh)
        data = self._disk.keep_trying(lambda: scan(recipe.data, recipe.train.seed, record, past), record)
        self._emit(
            DatasetScanned(
                classes=data.classes,
                train_images=len(data.train),
                val_images=len(data.val),
                test_images=len(data.test),
                split=data.how_split,
                left_out=list(map(str, data.left_out)),
            )
        )
        if data.dropped:
            self._emit(
                CopiesDropped(count=len(data.dropped), images=list(map(printable, data.dropped[:1000])))
            )
        for finding in data.warned:
            self._emit(RunWarning(message=str(finding)))
        for change in data.changes:
            self._emit(RunWarning(message=change))
        known_bad = set(self._before.bad_images)
        outliers = OutlierActions(self._run, recipe, self._before.outliers, self._emit, self._disk)
        training = Training(
            self._run, recipe, data, self._control, self._disk, self._emit, known_bad, pool, outliers, args
        )
        # A process that was suspended for an hour has not trained for an hour.
        signal.signal(signal.SIGCONT, lambda *_: training.restart_clock())
        sampler = SystemSampler(self._run.path, self._sampled)
        copies = CopyWatch(data, self._journal.append)
        try:
            self._find_outliers(recipe, data, pool, outliers, known_bad)
            training.prepare(self._stage, resume=not fresh, edits=self._edits, scanned=self._before.data)
            self._steered = True
            self._stage("training", training.kept_images())
            predicted = self._before.predicted_at_end and self._run.prediction.exists()
            return training.run(self._stage, predicted=predicted)
        finally:
            self._progress = training.close() or self._progress
            copies.close()
            sampler.close()

    def _find_outliers(
        self, recipe: Recipe, data: "DataSet", pool: "Pool", outliers: OutlierActions, known_bad: set[str]
    ) -> None:
        if recipe.outliers.method == "none" or self._before.outliers.done is not None:
            return
        self._stage("finding outliers", recipe.outliers.method)
        from engine.outliers.stage import Stage as OutlierStage

        self._steered = True
        OutlierStage(
            self._run, recipe, data, pool, outliers, self._emit, known_bad,
            poll=self._control.attend_before_training,
        ).run()  # fmt: skip
        self._steered = False

    def _start(self) -> Recipe:
        self._progress = peek(self._run.checkpoints)
        try:
            recipe_file = self._run.recipe
            self._control.in_force = self._disk.keep_trying(
                lambda: unfinished(self._spool, self._before, self._progress, recipe_file), recipe_file
            )
            self._control.refuse_all("no engine was running when it was sent")
            renamed: list[str] = []
            recipe = load_recipe(self._run.recipe, note=renamed.append)
        except UserError as error:
            raise UserError(f"the run's own recipe can't be used; {error}") from None
        # Of a setting that is in force without an answer the file doesn't know yet.
        unwritten = {
            command.key
            for _, command in self._spool.pending()
            if isinstance(command, Set) and command.id in self._control.in_force
        }
        refuse_restart(self._run, self._before, self._progress)
        self._edits = find_edits(recipe, self._before, self._progress, skip=unwritten)
        refuse_edits(self._edits, self._run, recipe, self._before, self._progress)
        schedule = recipe.schedule
        self._emit(
            RunStarted(
                attempt=(self._before.started.attempt if self._before.started else 0) + 1,
                host=socket.gethostname(),
                pid=os.getpid(),
                version=__version__,
                name=self._run.name,
                model=recipe.model.name,
                data=recipe.data.train,
                epochs=recipe.train.epochs,
                batch_size=recipe.data.batch_size,
                train_size=recipe.data.train_size,
                val_size=recipe.data.val_size,
                lr=self._progress.policy.lr if self._progress else recipe.optim.lr,
                schedule=schedule.kind,
                factor=schedule.factor,
                every=schedule.every,
                patience=schedule.patience,
                monitor=schedule.monitor,
                mixup_alpha=recipe.mixup.alpha,
                outliers=recipe.outliers.method,
                seed=recipe.train.seed,
                resumed_epoch=self._progress.epoch if self._progress else 0,
                resumed_step=self._progress.step if self._progress else 0,
                recipe=values_of(recipe),
            )
        )
        for line in renamed:
            self._emit(RunWarning(message=f"recipe.toml: {line}"))
        return recipe

    def _end(self, outcome: Outcome, reason: str) -> int:
        progress = self._progress
        policy = progress.policy if progress else None
        code = _EXIT_CODES[outcome]
        self._steered = True  # who terminates it now is too late
        settings, problem = load_settings(settings_path())
        if problem:
            _note(problem)
        command = settings.notify.command
        # Before the last word: a console that comes later is to find that someone has this end to tell.
        attendance = Attendance.take(self._run) if command else None
        ended = RunEnded(
            outcome=outcome,
            reason=printable(reason, 1000),
            epoch=progress.epoch - (not progress.step) if progress else 0,
            best=policy.best if policy else None,
            best_epoch=policy.best_epoch if policy else 0,
            exit_code=code,
        )
        try:
            self._emit(ended)
            self._journal.close()
        except OSError as error:
            _note(f"engine: {outcome}: {reason} (the journal can't be written: {error.strerror})")
        if attendance is not None:
            end = Ending(self._run, outcome, ended.reason, ended.best)
            # Some seconds, for a batch system that ends a job ends all that it started.
            if problem := run_command(command, end, patience=_NOTICE):
                _note(problem)
            attendance.release()
        return code

    def _stage(self, stage: Stage, detail: str = "") -> None:
        self._emit(StageStarted(stage=stage, detail=printable(detail, 300)))

    def _emit(self, event: E) -> E:
        stamped: E
        if threading.current_thread() is not threading.main_thread():
            (stamped,) = self._append(event)
            return stamped
        self._telling = True
        try:
            (stamped,) = self._append(event)
            return stamped
        finally:
            self._telling = False
            # Also for a library that was being imported, and may have swallowed the first try.
            if self._control.terminate and not self._steered:
                self._leave()

    def _append(self, *events: E) -> list[E]:
        return self._disk.keep_trying(lambda: self._journal.append_all(*events), self._run.journal)

    def _sampled(self, sample: Event) -> None:
        if self._disk.wanted is None:  # what was given up is kept for words that matter
            self._journal.append(sample)
        # Here, on the sampler's thread: training waits neither for it nor for a slow disk, however long its epochs.
        self._index.look()

    def _terminate(self, signum: int, frame: FrameType | None) -> None:
        first = not self._control.terminate
        self._control.terminate = True
        if first and not self._steered and not self._telling:
            self._leave()

    @staticmethod
    def _leave() -> None:
        raise StopRun("interrupted", "the process was asked to terminate before training began")


def _note(line: str) -> None:
    """Write a line to engine.log, if that is possible."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
