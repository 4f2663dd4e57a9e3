"""The end of an epoch: judged by the schedule, told, drawn, and the next one begun."""

from collections.abc import Callable
from pathlib import Path

from engine.analysis.predictions import put_back_judged
from engine.analysis.stats import wilson
from engine.core.text import printable
from engine.journal.events import ConfusionMatrix, EpochEnded, Event, LrDecayed, Warning
from engine.recipe.recipe import Recipe
from engine.recipe.schedule import Verdict, advance, epochs_to_stop
from engine.run.directory import RunDir
from engine.run.disk_space import Room
from engine.run.train_log import TrainLog
from engine.run.train_state import Cells, Progress
from engine.training.evaluate import Evaluation, Validation


class Closing:
    """Closes the epochs of one run; ``classes`` are their names, in order."""

    def __init__(
        self, run: RunDir, classes: list[str], validation: Validation, emit: Callable[[Event], object],
        room: Room,
    ) -> None:  # fmt: skip
        self._run = run
        self._classes = classes
        self._validation = validation
        self._emit = emit
        self._room = room
        self._not_written: set[str] = set()

    def close(
        self, progress: Progress, recipe: Recipe, log: TrainLog, result: Evaluation, seconds: float,
        images_per_s: float,
    ) -> Verdict:  # fmt: skip
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
            self.draw(picture, cells, f"epoch {epoch}", log)
            self._help(self._run.validation, lambda: self._validation.keep(result))
        self._emit(ConfusionMatrix(epoch=epoch, classes=len(result.matrix), cells=cells, path=picture))
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

    def draw(self, name: str, cells: Cells, which: str, log: TrainLog) -> None:
        """Draw a confusion matrix into the run's file ``name``, if that can be written."""
        correct, seen = sum(cell[2] for cell in cells if cell[0] == cell[1]), sum(cell[2] for cell in cells)
        title = f"{which}: {correct} of {seen} validation images right"
        path = self._run.path / name

        def write() -> None:
            # Here and not at the start: half a second, which no run waits for before its first picture.
            from engine.figures.confusion import draw_confusion_matrix

            draw_confusion_matrix(path, cells, self._classes, title)

        if self._help(path, write):
            log.confusion_matrix(name)

    def _help(self, path: Path, write: Callable[[], object]) -> bool:
        """Write a file that helps people, and return whether that was possible: no run ends for it."""
        try:
            self._room.keep_trying(write, path)
        except OSError as error:
            reason = f"can't be written: {error.strerror}; the run goes on without"
            if reason not in self._not_written:
                self._not_written.add(reason)
                self._emit(Warning(message=f"{printable(str(path))} {reason}"))
            return False
        return True
