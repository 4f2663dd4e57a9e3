"""The end of an epoch: judged by the schedule, told, and the next one begun. Draws its confusion matrix, too."""

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
    """Closes the epochs of one run; ``classes`` are their names, in order."""

    def __init__(
        self, run: RunDir, classes: list[str], validation: Validation, emit: Callable[[Event], object],
        room: DiskSpace,
    ) -> None:  # fmt: skip
        self._run = run
        self._classes = classes
        self._validation = validation
        self._emit = emit
        self._room = room
        self._said: set[str] = set()
        """By whatever ``_say_once`` is to say once."""
        self.picture: Callable[[], object] | None = None
        """Draws the newest best epoch's picture; for the thread that saves, before it saves that epoch."""

    def close(
        self, progress: TrainState, recipe: Recipe, log: TrainLog, result: Evaluation, seconds: float,
        images_per_s: float,
    ) -> ScheduleDecision:  # fmt: skip
        """Judge the epoch that took ``seconds``, tell everyone, and step on to the next. Raises OSError."""
        schedule, epochs = recipe.schedule, recipe.train.epochs
        epoch, lr, cells = progress.epoch, progress.policy.lr, result.cells()
        train_acc = 100 * progress.correct / progress.seen
        low, high = wilson(result.correct, result.seen)
        progress.policy, verdict = advance(
            schedule,
            progress.policy,
            epoch=epoch,
            epochs=epochs,
            val_acc=result.accuracy,
            val_loss=result.loss,
        )
        log.epoch(epoch, epochs, train_acc, result.accuracy, result.loss)
        picture = ""
        if verdict.new_best:
            progress.best_val_acc, progress.best_cells = result.accuracy, cells
            picture = self._run.confusion_picture(epoch).name
            # Where the line belongs, though the picture comes later: nothing can be put into the log afterwards.
            log.confusion_matrix(picture)
            self.picture = partial(self.draw, picture, cells, f"epoch {epoch}")
            self._help(self._run.validation, lambda: self._validation.keep(result))
        told = self._fit_for_journal(cells, epoch)
        self._emit(ConfusionMatrix(epoch=epoch, classes=len(self._classes), cells=told, path=picture))
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
                new_best=verdict.new_best,
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
        if verdict.decayed and not verdict.stop and epoch != epochs:
            self._emit(
                LrDecayed(epoch=epoch + 1, old=verdict.old_lr, new=verdict.new_lr, reason=verdict.reason)
            )
        progress.stopped = verdict.stop
        progress.begin_next_epoch(log_length=log.length)
        return verdict

    def put_back_judged(self, best: Path) -> None:
        """Have validation.csv be of ``best``: after a kill it may be of an epoch that is trained anew."""
        path = self._run.validation
        self._help(path, lambda: put_back_judged(path, best / path.name))

    def draw(self, name: str, cells: Cells, which: str) -> bool:
        """Draw a confusion matrix into the run's file ``name``; return whether that was possible: no run ends for it.

        Safe to call from several threads. Raises what waiting for room on the disk raises.
        """
        correct, seen = sum(cell[2] for cell in cells if cell[0] == cell[1]), sum(cell[2] for cell in cells)
        title = f"{which}: {correct} of {seen} validation images right"
        try:
            # Here and not at the start: half a second, which no run waits for before its first picture.
            from engine.figures.confusion import confusion_png

            content = confusion_png(cells, self._classes, title)
        except Exception as error:
            with contextlib.suppress(OSError):
                traceback.print_exc()
            self._warn(self._run.path / name, f"can't be drawn: {printable(cause(error), 200)}")
            return False
        path = self._run.path / name
        return self._help(path, lambda: replace_file(path, content))

    def _fit_for_journal(self, cells: Cells, epoch: int) -> Cells:
        """Return the cells that the journal holds, and say so once if these aren't all."""
        if len(cells) <= MOST_CELLS:
            return cells
        self._say_once(
            f"from epoch {epoch} on, the journal has the {MOST_CELLS:,} cells of the confusion matrix with the most "
            f"images, of {len(cells):,}, as more of them make a line that no reader takes; the accuracies and "
            f"{self._run.validation.name} are of all images",
            "cells",
        )
        return sorted(nlargest(MOST_CELLS, cells, key=lambda cell: cell[2]))

    def _help(self, path: Path, write: Callable[[], object]) -> bool:
        """Write a file that helps people, and return whether that was possible: no run ends for it."""
        try:
            self._room.keep_trying(write, path)
        except OSError as error:
            if not self._room.leaving:
                self._warn(path, f"can't be written: {error.strerror}")
            return False
        return True

    def _warn(self, path: Path, problem: str) -> None:
        self._say_once(f"{printable(str(path))} {problem}; the run goes on without")

    def _say_once(self, message: str, key: str = "") -> None:
        if (key or message) not in self._said:
            self._said.add(key or message)
            self._emit(RunWarning(message=message))
