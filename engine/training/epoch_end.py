"""The end of an epoch: the schedule's decision, the epoch's events and log line, its confusion matrix."""

import contextlib
import traceback
from collections.abc import Callable
from functools import partial
from heapq import nlargest
from pathlib import Path

from engine.analysis.predictions import put_back_judged
from engine.analysis.stats import wilson
from engine.core.files import replace_file
from engine.core.text import printable
from engine.journal.events import MOST_CELLS, ConfusionMatrix, EpochEnded, Event, LrDecayed, RunWarning
from engine.recipe.recipe import Recipe
from engine.recipe.schedule import ScheduleDecision, advance, epochs_to_stop
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace
from engine.run.train_log import TrainLog
from engine.run.train_state import Cells, TrainState
from engine.training.evaluate import Evaluation, Validation
from engine.training.failure import cause


class EpochEnd:
    """Ends the epochs of one run. ``classes`` are the class names, in label order."""

    def __init__(
        self, run: RunDir, classes: list[str], validation: Validation, emit: Callable[[Event], object],
        disk: DiskSpace,
    ) -> None:  # fmt: skip
        self._run = run
        self._classes = classes
        self._validation = validation
        self._emit = emit
        self._disk = disk
        self._warned: set[str] = set()
        """Keys of the warnings that ``_warn_once`` has emitted."""
        self.picture: Callable[[], object] | None = None
        """Draws the newest best epoch's confusion matrix; called by the thread that saves checkpoints."""

    def close(
        self, progress: TrainState, recipe: Recipe, log: TrainLog, result: Evaluation, seconds: float,
        images_per_s: float,
    ) -> ScheduleDecision:  # fmt: skip
        """Apply the schedule, emit the epoch's events, and advance ``progress`` to the next epoch.

        Returns the schedule's decision. ``seconds`` is the duration of the epoch. Raises OSError.
        """
        schedule, epochs = recipe.schedule, recipe.train.epochs
        epoch, lr, cells = progress.epoch, progress.policy.lr, result.cells()
        train_acc = 100 * progress.correct / progress.seen
        low, high = wilson(result.correct, result.seen)
        progress.policy, decision = advance(
            schedule,
            progress.policy,
            epoch=epoch,
            epochs=epochs,
            val_acc=result.accuracy,
            val_loss=result.loss,
        )
        log.epoch(epoch, epochs, train_acc, result.accuracy, result.loss)
        picture = ""
        if decision.new_best:
            progress.best_val_acc, progress.best_cells = result.accuracy, cells
            picture = self._run.confusion_picture(epoch).name
            # Logged before the picture is drawn, since the log is append-only and the line belongs here.
            log.confusion_matrix(picture)
            self.picture = partial(self.draw, picture, cells, f"epoch {epoch}")
            self.write_optional(self._run.validation, lambda: self._validation.keep(result))
        recorded = self._fit_for_journal(cells, epoch)
        self._emit(ConfusionMatrix(epoch=epoch, classes=len(self._classes), cells=recorded, path=picture))
        policy = progress.policy
        self._emit(
            EpochEnded(
                epoch=epoch,
                lr=lr,
                train_acc=train_acc,
                train_loss=progress.loss_sum / progress.seen,
                val_acc=result.accuracy,
                val_acc_low=low,
                val_acc_high=high,
                val_loss=result.loss,
                new_best=decision.new_best,
                best=policy.best or 0.0,
                best_epoch=policy.best_epoch,
                counter=policy.counter,
                patience=schedule.patience,
                epochs_to_stop=epochs_to_stop(schedule.patience, policy.counter),
                next_lr=policy.lr,
                images_per_s=images_per_s,
                seconds=seconds,
            )
        )
        if decision.decayed and not decision.stop and epoch != epochs:
            self._emit(
                LrDecayed(epoch=epoch + 1, old=decision.old_lr, new=decision.new_lr, reason=decision.reason)
            )
        progress.stopped = decision.stop
        progress.begin_next_epoch(log_length=log.length)
        return decision

    def put_back_judged(self, best: Path) -> None:
        """Restore ``validation.csv`` from ``best``: after a kill it may be of an epoch that is trained again."""
        path = self._run.validation
        self.write_optional(path, lambda: put_back_judged(path, best / path.name))

    def draw(self, name: str, cells: Cells, which: str, images: str = "validation images") -> bool:
        """Draw a confusion matrix into the run's file ``name``, and return whether that succeeded.

        A failure is a warning; it doesn't end the run. Safe to call from several threads. Raises what waiting for disk
        space raises.
        """
        correct, seen = sum(cell[2] for cell in cells if cell[0] == cell[1]), sum(cell[2] for cell in cells)
        title = f"{which}: {correct} of {seen} {images} correct"
        try:
            # Imported late: matplotlib takes half a second, which would delay the first step.
            from engine.figures.confusion import confusion_png

            content = confusion_png(cells, self._classes, title)
        except Exception as error:
            with contextlib.suppress(OSError):
                traceback.print_exc()
            self._warn(self._run.path / name, f"can't be drawn: {printable(cause(error), 200)}")
            return False
        path = self._run.path / name
        return self.write_optional(path, lambda: replace_file(path, content))

    def _fit_for_journal(self, cells: Cells, epoch: int) -> Cells:
        """Return the cells to record in the journal; warn once if some are omitted."""
        if len(cells) <= MOST_CELLS:
            return cells
        self._warn_once(
            f"from epoch {epoch} on, the journal has the {MOST_CELLS:,} cells of the confusion matrix with the most "
            f"images, of {len(cells):,}: a longer line can't be read back; the accuracies and "
            f"{self._run.validation.name} cover all images",
            "cells",
        )
        return sorted(nlargest(MOST_CELLS, cells, key=lambda cell: cell[2]))

    def write_optional(self, path: Path, write: Callable[[], object]) -> bool:
        """Write a file that the run can do without, and return whether that succeeded; a failure is a warning."""
        try:
            self._disk.keep_trying(write, path)
        except OSError as error:
            if not self._disk.leaving:
                self._warn(path, f"can't be written: {error.strerror}")
            return False
        return True

    def _warn(self, path: Path, problem: str) -> None:
        self._warn_once(f"{printable(str(path))} {problem}; the run continues without it")

    def _warn_once(self, message: str, key: str = "") -> None:
        if (key or message) not in self._warned:
            self._warned.add(key or message)
            self._emit(RunWarning(message=message))
