"""One attempt at a run: its stages from the start to the end, each announced in the journal."""

import os
import signal
import socket
import traceback
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from engine import __version__
from engine.commands import Spool
from engine.controls import BeforeTraining, Controls, StopRun
from engine.errors import UserError
from engine.event import Event
from engine.events import DatasetScanned, Outcome, RunEnded, RunStarted, Stage, StageStarted, Warning
from engine.journal import JournalReader, JournalWriter
from engine.outliers.acting import Acting
from engine.progress import Progress, peek
from engine.recipe import Recipe, load_recipe
from engine.rundir import RunDir
from engine.state import RunState
from engine.system import SystemSampler
from engine.text import printable
from engine.weights_source import go_offline_if_unreachable, weights_source

if TYPE_CHECKING:
    from engine.data.images import DataSet
    from engine.data.pool import Pool

E = TypeVar("E", bound=Event)

_EXIT_CODES: dict[Outcome, int] = {
    "finished": 0,
    "early_stopped": 0,
    "stopped": 0,
    "interrupted": 130,
    "failed": 1,
}


class Session:
    """Takes a run whose lock is held through to its end."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._before = RunState()
        self._before.apply_all(JournalReader(run.journal).read(limit=1 << 40))
        self._journal = JournalWriter(run.journal)
        self._controls = Controls(Spool(run.commands), self._emit)
        self._progress: Progress | None = None
        self._steered = False
        """Whether commands and SIGTERM are attended to between two pieces of work; else SIGTERM ends it at once."""
        signal.signal(signal.SIGTERM, self._terminate)
        signal.signal(signal.SIGINT, self._terminate)

    def run(self) -> int:
        """Do all of it and return the process's exit code. Nothing is raised: the reason is in the journal."""
        self._controls.refuse_all("no engine was running when it was sent")
        outcome: Outcome
        try:
            outcome, reason = self._stages(), ""
        except StopRun as order:
            outcome, reason = order.outcome, order.reason
        except UserError as error:
            traceback.print_exc()
            outcome, reason = "failed", str(error)
        except BaseException as error:
            traceback.print_exc()
            outcome, reason = "failed", _describe(error)
        self._controls.refuse_all("the run has ended")
        return self._end(outcome, reason)

    def _stages(self) -> Outcome:
        recipe = self._start()
        fresh = self._progress is None
        if fresh and weights_source(recipe.model) == "hub" and go_offline_if_unreachable():
            self._emit(
                Warning(
                    message="the weights hub can't be reached; only weights downloaded before can be used"
                )
            )
        # They need none of torch, and are ready when it has been imported.
        from engine.data.pool import Pool, worker_count

        pool = Pool(worker_count(recipe.data.workers))
        try:
            return self._train(recipe, pool, fresh=fresh)
        finally:
            pool.close()

    def _train(self, recipe: Recipe, pool: "Pool", *, fresh: bool) -> Outcome:
        self._stage("importing", "torch and timm")
        from engine.training import Training

        self._stage("reading data", recipe.data.train)
        from engine.data.images import scan

        moves = recipe.outliers.method != "none" and recipe.outliers.action != "exclude"
        data = scan(recipe.data, recipe.train.seed, self._run.split, files_move=moves)
        self._emit(
            DatasetScanned(
                classes=data.classes,
                train_images=len(data.train),
                val_images=len(data.val),
                test_images=len(data.test),
                split=data.how_split,
            )
        )
        known_bad = set(self._before.bad_images)
        outliers = Acting(self._run, recipe, self._before.outliers, self._emit)
        training = Training(self._run, recipe, data, self._controls, self._emit, known_bad, pool, outliers)
        sampler = SystemSampler(self._run.path, self._emit)
        try:
            self._find_outliers(recipe, data, pool, outliers, known_bad)
            training.prepare(self._stage, resume=not fresh)
            self._steered = True
            self._stage("training", training.kept_images())
            return training.run(self._stage)
        finally:
            self._progress = training.close()
            sampler.close()

    def _find_outliers(
        self, recipe: Recipe, data: "DataSet", pool: "Pool", outliers: Acting, known_bad: set[str]
    ) -> None:
        if recipe.outliers.method == "none" or self._before.outliers.done is not None:
            return
        self._stage("finding outliers", recipe.outliers.method)
        from engine.outliers.stage import Stage as OutlierStage

        steered = BeforeTraining()
        self._steered = True
        OutlierStage(
            self._run, recipe, data, pool, outliers, self._emit, known_bad,
            poll=lambda: self._controls.between_steps(steered),
        ).run()  # fmt: skip
        self._steered = False

    def _start(self) -> Recipe:
        try:
            recipe = load_recipe(self._run.recipe)
        except UserError as error:
            raise UserError(f"the run's own recipe can't be used; {error}") from None
        self._progress = peek(self._run.checkpoints)
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
            )
        )
        return recipe

    def _end(self, outcome: Outcome, reason: str) -> int:
        progress = self._progress
        policy = progress.policy if progress else None
        code = _EXIT_CODES[outcome]
        self._emit(
            RunEnded(
                outcome=outcome,
                reason=printable(reason, 1000),
                epoch=progress.epoch - (not progress.step) if progress else 0,
                best=policy.best if policy else None,
                best_epoch=policy.best_epoch if policy else 0,
                exit_code=code,
            )
        )
        self._journal.close()
        return code

    def _stage(self, stage: Stage, detail: str = "") -> None:
        if self._controls.terminate and not self._steered:
            self._leave()  # a library that was being imported may have swallowed the first try
        self._emit(StageStarted(stage=stage, detail=printable(detail, 300)))

    def _emit(self, event: E) -> E:
        return self._journal.append(event)

    def _terminate(self, signum: int, frame: FrameType | None) -> None:
        first = not self._controls.terminate
        self._controls.terminate = True
        if first and not self._steered:
            self._leave()

    @staticmethod
    def _leave() -> None:
        raise StopRun("interrupted", "the process was asked to terminate before training began")


def _describe(error: BaseException) -> str:
    """Say in a line what went wrong inside; the traceback is in engine.log."""
    text = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    if "out of memory" in what.lower():
        what += "; lower data.batch_size, data.train_size, or take a smaller model"
    return f"{what} (the traceback is in engine.log)"
