"""What a command does to a run: save, predict, set. Between the spool and the training loop."""

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import torch

from engine.control.commands import Command, Exclude, Restore, Rollback, Set, Skip
from engine.control.controls import Controls, StopRun
from engine.core.errors import UserError, is_out_of_memory
from engine.core.files import replace_file
from engine.core.text import nearest, printable
from engine.core.throttle import Throttle
from engine.data.batches import BatchStream
from engine.data.order import Indices
from engine.journal.events import (
    BY_HAND,
    EpochCut,
    Event,
    LrDecayed,
    PredictionProgress,
    PredictionWritten,
    RolledBack,
    RunWarning,
    SettingChanged,
)
from engine.model.build import restore_model
from engine.outliers.files.acting import OutlierActions
from engine.recipe.recipe import LIVE_KEYS, change, load_recipe, value_of, values_of
from engine.recipe.schedule import outlook
from engine.run.directory import RunDir
from engine.run.recipe_edits import Edit
from engine.training import checkpoint
from engine.training.checkpoint import (
    ModelFacts,
    Snapshot,
    Which,
    model_tensors,
    optimizer_tensors,
)
from engine.training.checkpoint_writer import CheckpointWriter
from engine.training.failure import cause, describe
from engine.training.finite import NonFiniteError
from engine.training.predict import predict, write_prediction
from engine.training.trainer import Trainer

_NAN_ROLLBACKS = 3
_UNSAVED_AFTER = 10.0
"""Seconds without an image after which a step that is half done is given up to leave: batch systems wait about 30."""
_BYTES_A_ROW = 100
"""Of a prediction, about."""


class _TrainingEndsError(BaseException):
    """Carries an error past what is only about a prediction."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@contextlib.contextmanager
def _ends_the_training() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise _TrainingEndsError(error) from error


@contextlib.contextmanager
def _refused_if_it_fails(journal: Path) -> Iterator[None]:
    """Raise UserError for whatever goes wrong with what a command asked for: no training ends for it.

    What would end the training itself is raised as it is: ``_TrainingEndsError``, an order to stop, and a ``journal``
    that can't be written.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.filename == str(journal):
            raise
        with contextlib.suppress(OSError):
            traceback.print_exc()
        of_a_file = isinstance(error, OSError) and not is_out_of_memory(error)
        raise UserError(cause(error) if of_a_file else describe(error)) from error


class Steering:
    """The helm of one run's trainer."""

    def __init__(
        self, run: RunDir, trainer: Trainer, feed: BatchStream, controls: Controls, facts: ModelFacts,
        outliers: OutlierActions, emit: Callable[[Event], object],
    ) -> None:  # fmt: skip
        self._run = run
        self._trainer = trainer
        self._outliers = outliers
        self._feed = feed
        self._controls = controls
        self._facts = facts
        self._emit = emit
        self._set_keys: set[str] = set()
        """Keys that were changed by command."""
        self._writer = CheckpointWriter(run.checkpoints, emit, controls.room)
        self._saved_at, self._saved_position = time.monotonic(), self.position()
        """When ``last`` was saved, and where the run stood."""

    def close(self) -> None:
        """Return when every checkpoint handed over is on disk, or the run was left without."""
        with contextlib.suppress(StopRun):
            self._writer.flush()
        self._writer.close()

    def finish_saves(self) -> None:
        """Wait until every checkpoint handed over is on disk. Raises StopRun, and OSError for a disk that failed."""
        self._writer.flush()
        self._writer.check()

    def between_steps(self) -> None:
        self._writer.check()
        self._controls.between_steps(self)

    def while_waiting(self, quiet: float, *, saves: bool) -> None:
        """Do what is asked while images are waited for: a stall must not keep a run from being stopped or paused."""
        if saves:
            self.between_steps()
        elif quiet >= _UNSAVED_AFTER:
            self._controls.leave_unsaved()

    def after_epoch(self) -> None:
        """Raise StopRun if someone asked to stop here; the run is saved first."""
        self.between_steps()
        asker = self._controls.stop_after_epoch
        if asker:
            self.save_now("stopped")
            raise StopRun("stopped", f"stopped after the epoch by {asker}; a checkpoint was saved")

    def position(self) -> tuple[int, int]:
        return self._trainer.progress.epoch, self._trainer.progress.step

    def restart_clock(self) -> None:
        self._trainer.pace.go_on()

    def save(self, which: tuple[Which, ...], reason: str) -> None:
        """Copy the run's state and have it written while training goes on."""
        trainer = self._trainer
        progress = trainer.synced_progress()
        last = "last" in which
        if last:
            self._saved_at, self._saved_position = time.monotonic(), self.position()
        averaged = trainer.eval_model is not trainer.model
        snapshot = Snapshot(
            which=which,
            reason=reason,
            facts=self._facts.at_best(progress.policy.best_epoch),
            progress=msgspec.structs.replace(progress, recipe=values_of(trainer.recipe)),
            model=model_tensors(trainer.eval_model),
            optimizer=optimizer_tensors(trainer.optimizer) if last else {},
            scaler=trainer.scaler.state_dict(),
            precision=trainer.precision.name,
            device=trainer.device.type,
            raw_model=model_tensors(trainer.model) if last and averaged else {},
            listing=self._feed.listing(progress.epoch) if last else None,
            judged=trainer.validation.kept if "best" in which else b"",
            picture=trainer.closing.picture if "best" in which else None,
        )
        self._writer.submit(snapshot)

    def save_by_time(self) -> None:
        """Save ``last`` if it wasn't for ``train.checkpoint_minutes`` and the run has trained since.

        Called between two steps of the weights. It never waits for the disk: while an earlier checkpoint is still being
        written, none is saved. Raises NoNumberError where there are non-finite values, before anything is saved.
        """
        minutes = self._trainer.recipe.train.checkpoint_minutes
        if not minutes or time.monotonic() - self._saved_at < 60 * minutes:
            return
        if self.position() != self._saved_position and not self._writer.is_busy():
            self.save(("last",), "every minute" if minutes == 1 else f"every {minutes:g} minutes")

    def save_now(self, reason: str) -> str:
        """Save ``last`` and wait until it is on disk. Raises UserError when it can't be written."""
        self.save(("last",), reason)
        failure = self._writer.flush()
        if failure:
            raise UserError(failure)
        return "a checkpoint was saved"

    def check_save(self) -> None:
        """There always is something to save once training has begun."""

    def check_predict(self) -> None:
        """Raises UserError when there is nothing to predict, or nothing to predict with."""
        if not len(self._feed.data.test):
            raise UserError("there are no test images: the recipe's data.test names no folder with images")
        self._writer.flush()
        if (
            not self._trainer.progress.policy.best_epoch
            or checkpoint.find(self._run.checkpoints, "best") is None
        ):
            raise UserError("no best weights yet: the first epoch hasn't been validated")

    def predict_now(self) -> None:
        """Write ``prediction.csv`` from the best weights so far, in a model of their own.

        Raises UserError with the reason where that can't be done; whatever it is, no training ends for it. What would
        end the training itself (a journal or an image process that is gone, an order to stop) is raised as it is.
        """
        try:
            with _refused_if_it_fails(self._run.journal):
                rows, epoch = self._predict()
        except _TrainingEndsError as end:
            raise end.error from None
        self._emit(PredictionWritten(path=self._run.prediction.name, rows=rows, epoch=epoch))

    def predict_at_end(self) -> None:
        """Write the last prediction; a training that is finished is no failure for want of it."""
        try:
            self.predict_now()
        except UserError as error:
            older = ", and prediction.csv is an older one" if self._run.prediction.is_file() else ""
            words = f"no prediction{older}: {error}; vrdl-tui predict makes it once that is mended"
            self._emit(RunWarning(message=words))

    def _predict(self) -> tuple[int, int]:
        """Return how many rows were written, and of which epoch the weights are."""
        self._writer.flush()
        folder = checkpoint.find(self._run.checkpoints, "best")
        if folder is None:
            raise UserError("the best checkpoint is gone")
        tensors, facts = checkpoint.load_model_file(folder)
        model = restore_model(facts.name, len(facts.classes), tensors)
        model = model.to(self._trainer.device).to(memory_format=torch.channels_last)
        paths = self._feed.data.test.paths
        due = Throttle()

        def batches() -> Iterator[tuple[torch.Tensor, Indices]]:
            with _ends_the_training():
                yield from self._feed.test(lambda _: self._controls.heed_signal(self))

        def tick(done: int) -> None:
            with _ends_the_training():
                if due() or done == len(paths):
                    self._emit(PredictionProgress(done=done, total=len(paths)))
                self._controls.heed_signal(self)

        found = predict(model, batches(), paths, self._trainer.precision, tick=tick)
        path, labels = self._run.prediction, found.labels(facts.classes)
        rows = self._controls.room.keep_trying(
            lambda: write_prediction(path, found.paths, labels), path, need=_BYTES_A_ROW * len(labels)
        )
        return rows, facts.best_epoch

    def rollback_now(self, command: Rollback) -> tuple[Event, str]:
        """Go on from the best weights so far, and save that.

        Raises UserError where there are none, or they can't be loaded: the training goes on as it was.
        """
        best_epoch = self._trainer.progress.policy.best_epoch
        if not self._is_in_force(command):
            self._trainer.check_rollback()
            self._writer.flush()
            with _refused_if_it_fails(self._run.journal):
                folder = checkpoint.find(self._run.checkpoints, "best")
                if folder is None or not best_epoch:
                    raise UserError("no best weights yet: the first epoch hasn't been validated")
                tensors, facts = checkpoint.load_weights(
                    folder, self._trainer.eval_model, self._facts.classes
                )
                best_epoch = facts.best_epoch
                put_back = self._trainer.take_weights(tensors)
            try:
                self._save_for(command, "rolled back")
            except UserError:
                put_back()
                raise
        epoch, step = self.position()
        event = RolledBack(epoch=epoch, step=step, best_epoch=best_epoch, by=command.by, pid=command.pid)
        return event, f"going on from the best weights, those of epoch {best_epoch}"

    def recover(self, problem: NonFiniteError) -> None:
        """Train the epoch again from the best weights, as ``train.on_nan`` says, and save that.

        Before there are any, from the weights before the first step, and only without those from the last saved.

        The epoch and not the step: by when a bad number is seen hangs on the clock. Raises ``problem`` where the
        recipe says stop, and where going back didn't help or there is nothing to go back to.
        """
        trainer, checkpoints = self._trainer, self._run.checkpoints
        progress, old = trainer.progress, trainer.progress.policy.lr
        if trainer.recipe.train.on_nan == "stop":
            raise problem
        if progress.nan_rollbacks >= _NAN_ROLLBACKS:
            raise UserError(
                f"{problem.seen}; going back to earlier weights {_NAN_ROLLBACKS} times didn't help; lower optim.lr "
                "or try optim.amp=off in recipe.toml and resume the run"
            )
        self._writer.flush()
        best = checkpoint.find(checkpoints, "best") if progress.policy.best_epoch else None
        folder = best or checkpoint.find_first(checkpoints) or checkpoint.find(checkpoints, "last")
        if folder is None:
            raise UserError(f"{problem}; no earlier weights are saved")
        tensors, facts = checkpoint.load_weights(folder, trainer.eval_model, self._facts.classes)
        progress.nan_rollbacks += 1
        step = problem.step or progress.step
        trainer.begin_epoch_again(tensors)
        new, why = progress.policy.lr, problem.what
        event = RolledBack(
            epoch=progress.epoch, step=step, best_epoch=facts.best_epoch if best else 0, reason=why
        )
        self._emit(event)
        self._emit(LrDecayed(epoch=progress.epoch, old=old, new=new, reason=why))
        self.save_now("rolled back")

    def skip_now(self, command: Skip) -> tuple[Event, str]:
        """End the epoch before its next step, and save that it is so. Raises UserError."""
        if not self._is_in_force(command):
            self._trainer.cut_epoch()
            try:
                self._save_for(command, "epoch cut")
            except UserError:
                self._trainer.progress.cut = False
                raise
        epoch, step = self.position()
        steps = self._trainer.steps
        event = EpochCut(epoch=epoch, step=step, steps=steps, by=command.by, pid=command.pid)
        return event, f"epoch {epoch} is validated after step {step} of {steps}"

    def exclude_now(self, command: Exclude) -> str:
        """Leave images out by hand from the next epoch on. Raises UserError."""
        epoch = self._feed.planned + 1
        done = self._outliers.exclude(command, self._feed.data.labelled_train(), from_epoch=epoch)
        return f"{done}, from epoch {epoch} on"

    def restore_now(self, command: Restore) -> str:
        """Let outliers back in from the next epoch on. Raises UserError."""
        epoch = self._feed.planned + 1
        return f"{self._outliers.restore(command, from_epoch=epoch)}, in use from epoch {epoch} on"

    def set_now(self, command: Set) -> tuple[Event, str]:
        """Change a setting for good: in the loop and in a checkpoint. Raises UserError.

        Every kind of schedule goes on from a learning rate that was set: ``counter`` and ``plateau`` decay it when they
        would have decayed the one before, for their counts of epochs stay; ``cosine`` passes through it in this epoch.
        """
        trainer, key = self._trainer, command.key
        if key not in LIVE_KEYS:
            close = nearest(key, LIVE_KEYS, 1)
            hint = f"did you mean {close[0]}?" if close else f"these can: {', '.join(LIVE_KEYS)}"
            raise UserError(f"{printable(key, 80)} can't be changed while the run goes on; {hint}")
        recipe = change(trainer.recipe, key, command.value)
        epoch, step = self.position()
        if recipe.train.epochs < epoch:
            raise UserError(f"train.epochs can't be below the epoch under way, {epoch}")
        old, before = value_of(trainer.recipe, key), (trainer.recipe, trainer.progress.policy)
        trainer.recipe = recipe
        if key == "optim.lr":
            self._put_lr_in_force()
        if not self._is_in_force(command):
            try:
                self._save_for(command, f"{key} changed")
            except UserError:
                trainer.recipe, trainer.progress.policy = before
                trainer.set_lr(trainer.progress.policy.lr)
                raise
        self._set_keys.add(key)
        event = SettingChanged(
            key=key,
            old=old,
            new=value_of(recipe, key),
            epoch=epoch,
            step=step,
            by=command.by,
            pid=command.pid,
        )
        return event, f"{key} = {command.value}{self._outlook(key)}"

    def _outlook(self, key: str) -> str:
        """Return how the learning rate goes on after ``key`` was set, where that is of consequence to it."""
        recipe, progress = self._trainer.recipe, self._trainer.progress
        follows = key == "optim.lr" or (key == "train.epochs" and recipe.schedule.kind == "cosine")
        if not follows:
            return ""
        words = outlook(recipe.schedule, progress.policy, epoch=progress.epoch, epochs=recipe.train.epochs)
        return f"; {words}"

    def take_edits(self, edits: Sequence[Edit]) -> None:
        """Put in force, and tell, what was changed in ``recipe.toml`` since the checkpoint; the recipe has it.

        An ``optim.lr`` scales the rate in force, which a schedule may have lowered: the recipe names the rate at the
        start. One that a command had set after the checkpoint is in force again as it was set.
        """
        epoch, step = self.position()
        for edit in edits:
            note = self._take_lr(edit) if edit.key == "optim.lr" else self._note_epochs(edit)
            self._emit(
                SettingChanged(key=edit.key, old=edit.old, new=edit.new, epoch=epoch, step=step, by=BY_HAND)
            )
            if note:
                self._emit(RunWarning(message=note))

    def _take_lr(self, edit: Edit) -> str:
        """Put an edited ``optim.lr`` in force, and return in words what the event about it doesn't tell."""
        if edit.was_set:
            self._put_lr_in_force()
            return ""
        trainer = self._trainer
        before = trainer.progress.policy
        known = replace(before, base_lr=before.base_lr or float(edit.old))
        trainer.progress.policy = known.rescaled(trainer.recipe.optim.lr)
        lr = trainer.progress.policy.lr
        trainer.set_lr(lr)
        if lr == trainer.recipe.optim.lr:
            return ""
        return (
            f"optim.lr in recipe.toml is {edit.new} and was {edit.old}: the learning rate in force is scaled alike, "
            f"from {before.lr:.3g} to {lr:.3g}"
        )

    def _note_epochs(self, edit: Edit) -> str:
        """Return in words what an edited ``train.epochs`` makes of a cosine schedule; nothing for another edit."""
        lr, kind = self._trainer.progress.policy.lr, self._trainer.recipe.schedule.kind
        if edit.key != "train.epochs" or kind != "cosine":
            return ""
        return (
            f"train.epochs in recipe.toml is {edit.new} and was {edit.old}: the cosine curve goes on from {lr:.3g} to "
            "the new end and doesn't rise again; set optim.lr for a higher rate"
        )

    def _put_lr_in_force(self) -> None:
        """Have the next step made with the recipe's learning rate, and the schedule go on from it."""
        trainer = self._trainer
        lr = trainer.recipe.optim.lr
        trainer.progress.policy = trainer.progress.policy.with_lr(lr)
        trainer.set_lr(lr)

    def keep_settings(self) -> None:
        """Write into ``recipe.toml`` what was set; what a person has edited there meanwhile stays. Raises OSError."""
        path, recipe = self._run.recipe, self._trainer.recipe
        with contextlib.suppress(UserError):
            kept = load_recipe(path)
            for key in sorted(self._set_keys):
                kept = change(kept, key, value_of(recipe, key))
            recipe = kept
        text = recipe.to_toml()
        self._controls.room.keep_trying(lambda: replace_file(path, text.encode()), path)

    def _is_in_force(self, command: Command) -> bool:
        """Say whether the checkpoint from which the run went on holds what ``command`` asks for."""
        return bool(command.id) and self._trainer.progress.command == command.id

    def _save_for(self, command: Command, reason: str) -> None:
        self._trainer.progress.command = command.id
        self.save_now(reason)
