"""The loop over a run's epochs: trains, saves, and carries out what is asked between two steps.

It reads downward: ``run`` trains epoch by epoch; ``_attend`` takes what ``RunControl`` decides at each step; ``_obey``
carries it out. What repairs a run comes last.
"""

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import torch

from engine.analysis.predictions import write_judged
from engine.analysis.scoring import score
from engine.control.commands import (
    Checkpoint,
    Command,
    Exclude,
    Predict,
    Restore,
    Rollback,
    Set,
    Skip,
    Stop,
)
from engine.control.run_control import Request, RunControl, StopRun, Terminate
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
    Outcome,
    PredictionProgress,
    PredictionScored,
    PredictionWritten,
    RolledBack,
    RunWarning,
    SettingChanged,
)
from engine.model.build import restore_model
from engine.outliers.files.acting import OutlierActions
from engine.recipe.recipe import LIVE_KEYS, change, load_recipe, value_of, values_of
from engine.recipe.schedule import ScheduleDecision, epochs_effect, outlook
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace
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
from engine.training.predict import Predictions, predict, rows_of, shared_names, write_prediction
from engine.training.trainer import Moment, Trainer

_NAN_ROLLBACKS = 3
_BYTES_A_ROW = 100
"""Of a prediction, about."""


class _TrainingEndsError(BaseException):
    """Carries an error that ends training through the handlers of a prediction."""

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
    """Raise UserError for anything that goes wrong in carrying out a command, so that training continues.

    Raised unchanged is what ends training itself: ``_TrainingEndsError``, StopRun, and a ``journal`` that can't be
    written.
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


class TrainingLoop:
    """Runs ``trainer`` over the epochs that are left, and steers it as ``control`` decides."""

    def __init__(
        self, run: RunDir, trainer: Trainer, stream: BatchStream, control: RunControl, facts: ModelFacts,
        outliers: OutlierActions, emit: Callable[[Event], object], disk: DiskSpace,
    ) -> None:  # fmt: skip
        self.trainer = trainer
        self._run = run
        self._stream = stream
        self._control = control
        self._facts = facts
        self._outliers = outliers
        self._emit = emit
        self._disk = disk
        self._set_keys: set[str] = set()
        """Keys that were changed by command."""
        self._writer = CheckpointWriter(run.checkpoints, emit, disk)
        self._saved_at, self._saved_position = time.monotonic(), self.position()
        """When ``last`` was saved, and where the run was."""

    def run(self) -> Outcome:
        """Train the epochs that are left, and return how they ended, with every checkpoint on disk.

        Raises StopRun on a request to stop, UserError when training can't continue.
        """
        trainer = self.trainer
        with trainer.logging():
            # Not entered by an attempt that was interrupted after its last epoch.
            while trainer.has_epochs_left():
                try:
                    self._save_due(trainer.epoch(self._attend))
                    trainer.note_overhead()
                except NonFiniteError as problem:
                    self._recover(problem)
                    continue
                if trainer.has_epochs_left():
                    self._attend(Moment.BETWEEN)
                    self._stop_if_asked()
            outcome = trainer.conclude()
        self._writer.flush()
        self._writer.check()
        return outcome

    def position(self) -> tuple[int, int]:
        """Return the current epoch, from 1, and how many of its steps are done."""
        return self.trainer.progress.epoch, self.trainer.progress.step

    def close(self) -> None:
        """Return when every submitted checkpoint is on disk, or the run was left without."""
        with contextlib.suppress(StopRun):
            self._writer.flush()
        self._writer.close()

    def _attend(self, moment: Moment) -> None:
        """Carry out what was decided since the last call. Raises StopRun."""
        if moment is Moment.IN_STEP:
            self._control.leave_unsaved()
            return
        self._writer.check()
        try:
            for request in self._control.requests():
                with self._control.answering(request):
                    self._obey(request)
        except _TrainingEndsError as end:
            raise end.error from None
        if self._control.has_paused():
            self.trainer.pace.go_on()
        if moment is Moment.BEFORE_STEP and not self.trainer.progress.cut:
            self._save_by_time()

    def _obey(self, request: Request) -> None:
        """Carry out a request and accept it. Raises UserError to reject it, StopRun to leave."""
        control = self._control
        if control.carry_out(request, *self.position()):
            return
        match request.command:
            case Terminate():
                self._terminate()
            case Checkpoint():
                self._save_now("asked for")
                epoch, step = self.position()
                control.accept(request, f"saved at epoch {epoch}, step {step}")
            case Predict():
                self._predict_on_request(request)
            case Set() as command:
                event, detail = self._set(command)
                control.accept(request, detail, event)
                self._write_recipe()
            case Rollback() as command:
                event, detail = self._roll_back(command)
                control.accept(request, detail, event)
            case Skip() as command:
                event, detail = self._cut_epoch(command)
                control.accept(request, detail, event)
                control.end_pause(*self.position())
            case Exclude() as command:
                control.accept(request, self._exclude(command))
            case Restore() as command:
                control.accept(request, self._restore(command))
            case Stop() as command:
                saved = self._save_now("stopped")
                control.accept(request, f"stopping; {saved}")
                raise StopRun("stopped", f"stopped by {command.by or 'a command'}; {saved}")

    def _terminate(self) -> None:
        saved = self._save_now("terminated")
        raise StopRun("interrupted", f"the process was asked to terminate; {saved}")

    def _stop_if_asked(self) -> None:
        """Save and raise StopRun if a stop after the epoch was requested."""
        asker = self._control.stop_after_epoch
        if asker:
            self._save_now("stopped")
            raise StopRun("stopped", f"stopped after the epoch by {asker}; a checkpoint was saved")

    def save(self, which: tuple[Which, ...], reason: str) -> None:
        """Copy the run's state to the host and have it written while training continues. Raises NonFiniteError."""
        trainer = self.trainer
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
            listing=self._stream.listing(progress.epoch) if last else None,
            judged=trainer.validation.kept if "best" in which else b"",
            picture=trainer.closing.picture if "best" in which else None,
        )
        self._writer.submit(snapshot)

    def _save_due(self, decision: ScheduleDecision) -> None:
        """Save what the epoch that has just ended calls for."""
        epoch, every = self.trainer.progress.epoch - 1, self.trainer.recipe.train.checkpoint_every
        last_due = not self.trainer.has_epochs_left() or epoch % every == 0
        if decision.new_best:
            self.save(("best", "last") if last_due else ("best",), "new best")
        elif last_due:
            self.save(("last",), "end of epoch")

    def _save_by_time(self) -> None:
        """Save ``last`` if it wasn't for ``train.checkpoint_minutes`` and the run has trained since.

        It never waits for the disk: while an earlier checkpoint is still being written, none is saved. Raises
        NonFiniteError before anything is saved.
        """
        minutes = self.trainer.recipe.train.checkpoint_minutes
        if not minutes or time.monotonic() - self._saved_at < 60 * minutes:
            return
        if self.position() != self._saved_position and not self._writer.is_busy():
            self.save(("last",), "every minute" if minutes == 1 else f"every {minutes:g} minutes")

    def _save_now(self, reason: str) -> str:
        """Save ``last``, wait until it is on disk, and say so. Raises UserError when it can't be written."""
        self.save(("last",), reason)
        failure = self._writer.flush()
        if failure:
            raise UserError(failure)
        return "a checkpoint was saved"

    def _predict_on_request(self, request: Request) -> None:
        self._check_predict()
        self._control.accept(request, "predicting with the best weights so far")
        try:
            self._predict_now()
        except UserError as error:  # it is accepted already
            self._emit(RunWarning(message=f"no prediction: {error}; the training goes on"))
        finally:
            self.trainer.pace.go_on()

    def _check_predict(self) -> None:
        """Raise UserError if there are no test images or no best weights."""
        if not len(self._stream.data.test):
            raise UserError("there are no test images: the recipe's data.test names no folder with images")
        self._writer.flush()
        if (
            not self.trainer.progress.policy.best_epoch
            or checkpoint.find(self._run.checkpoints, "best") is None
        ):
            raise UserError("no best weights yet: the first epoch hasn't been validated")

    def _predict_now(self) -> None:
        """Write ``prediction.csv`` from the best weights so far, loaded into a model of their own.

        Raises UserError with the reason if that can't be done. Raised unchanged is what ends training itself:
        StopRun, a journal that can't be written, image processes that keep dying.
        """
        with _refused_if_it_fails(self._run.journal):
            written, scored = self._predict()
        self._emit(written)
        if scored is not None:
            self._emit(scored)

    def _heed_signal(self) -> None:
        if self._control.terminate:
            self._terminate()

    def predict_at_end(self) -> None:
        """Write the prediction of a finished run; one that can't be made is a warning, since training is complete."""
        try:
            try:
                self._predict_now()
            except _TrainingEndsError as end:
                raise end.error from None
        except UserError as error:
            older = ", and prediction.csv is an older one" if self._run.prediction.is_file() else ""
            words = f"no prediction{older}: {error}; vrdl-tui predict makes it once that is mended"
            self._emit(RunWarning(message=words))

    def _predict(self) -> tuple[PredictionWritten, PredictionScored | None]:
        """Write the prediction; return what was written, and the score if test images have labels."""
        self._writer.flush()
        folder = checkpoint.find(self._run.checkpoints, "best")
        if folder is None:
            raise UserError("the best checkpoint is gone")
        tensors, facts = checkpoint.load_model_file(folder)
        model = restore_model(facts.name, len(facts.classes), tensors, facts.model_args)
        model = model.to(self.trainer.device).to(memory_format=torch.channels_last)
        test = self._stream.data.test
        paths = test.paths
        due = Throttle()

        def batches() -> Iterator[tuple[torch.Tensor, Indices]]:
            with _ends_the_training():
                yield from self._stream.test(lambda _: self._heed_signal())

        def tick(done: int) -> None:
            with _ends_the_training():
                if due() or done == len(paths):
                    self._emit(PredictionProgress(done=done, total=len(paths)))
                self._heed_signal()

        found = predict(model, batches(), paths, self.trainer.precision, tick=tick)
        if note := shared_names(paths, test.root):
            self._emit(RunWarning(message=note))
        rows = rows_of(found, paths, test.root, facts.classes, self.trainer.recipe.predict.unreadable)
        path = self._run.prediction
        self._disk.keep_trying(lambda: write_prediction(path, rows), path, need=_BYTES_A_ROW * len(rows))
        written = PredictionWritten(
            path=path.name, rows=len(rows), epoch=facts.best_epoch, images=len(paths), read=len(found.paths)
        )
        return written, self._score(found, facts)

    def _score(self, found: Predictions, facts: ModelFacts) -> PredictionScored | None:
        """Return the score on the labelled test images, with its files written, None if there are none."""
        run, labels, epoch = self._run, self._stream.data.labelled_test(), facts.best_epoch
        judged = found.judged(facts.classes, labels)
        scored = score(judged, facts.classes, epoch=epoch, predicted=len(found.paths), labelled=len(labels))
        if scored is None:
            return None
        closing, picture = self.trainer.closing, run.test_confusion_picture.name
        closing.write_optional(run.tested, lambda: write_judged(run.tested, judged))
        drawn = closing.draw(picture, scored.cells, f"epoch {epoch}", "labelled test images")
        return msgspec.structs.replace(scored, path=picture if drawn else "")

    def _roll_back(self, command: Rollback) -> tuple[Event, str]:
        """Load the best weights so far, and save ``last`` with them.

        Raises UserError if there are none or they can't be loaded; nothing has changed then.
        """
        best_epoch = self.trainer.progress.policy.best_epoch
        if not self._is_in_force(command):
            self.trainer.check_rollback()
            self._writer.flush()
            with _refused_if_it_fails(self._run.journal):
                folder = checkpoint.find(self._run.checkpoints, "best")
                if folder is None or not best_epoch:
                    raise UserError("no best weights yet: the first epoch hasn't been validated")
                tensors, facts = checkpoint.load_weights(folder, self.trainer.eval_model, self._facts.classes)
                best_epoch = facts.best_epoch
                put_back = self.trainer.take_weights(tensors)
            try:
                self._save_for(command, "rolled back")
            except UserError:
                put_back()
                raise
        epoch, step = self.position()
        event = RolledBack(epoch=epoch, step=step, best_epoch=best_epoch, by=command.by, pid=command.pid)
        return event, f"going on from the best weights, those of epoch {best_epoch}"

    def _cut_epoch(self, command: Skip) -> tuple[Event, str]:
        """End the epoch before its next step, and save ``last``. Raises UserError."""
        if not self._is_in_force(command):
            self.trainer.cut_epoch()
            try:
                self._save_for(command, "epoch cut")
            except UserError:
                self.trainer.progress.cut = False
                raise
        epoch, step = self.position()
        steps = self.trainer.steps
        event = EpochCut(epoch=epoch, step=step, steps=steps, by=command.by, pid=command.pid)
        return event, f"epoch {epoch} is validated after step {step} of {steps}"

    def _exclude(self, command: Exclude) -> str:
        """Exclude images from the next epoch on. Raises UserError."""
        epoch = self._stream.planned + 1
        done = self._outliers.exclude(command, self._stream.data.labelled_train(), from_epoch=epoch)
        return f"{done}, from epoch {epoch} on"

    def _restore(self, command: Restore) -> str:
        """Return excluded images to training from the next epoch on. Raises UserError."""
        epoch = self._stream.planned + 1
        return f"{self._outliers.restore(command, from_epoch=epoch)}, in use from epoch {epoch} on"

    def _set(self, command: Set) -> tuple[Event, str]:
        """Change a setting, and save ``last`` with it. Raises UserError.

        Every kind of schedule continues from a learning rate that was set: ``counter`` and ``plateau`` keep their
        counts of epochs, so that the next decay comes when it was due; ``cosine`` passes through it in this epoch.
        """
        trainer, key = self.trainer, command.key
        if key not in LIVE_KEYS:
            close = nearest(key, LIVE_KEYS, 1)
            hint = f"did you mean {close[0]}?" if close else f"these can: {', '.join(LIVE_KEYS)}"
            raise UserError(f"{printable(key, 80)} can't be changed while the run goes on; {hint}")
        recipe = change(trainer.recipe, key, command.value)
        epoch, step = self.position()
        if recipe.train.epochs < epoch:
            raise UserError(f"train.epochs can't be below the epoch under way, {epoch}")
        old, new = value_of(trainer.recipe, key), value_of(recipe, key)
        before = trainer.recipe, trainer.progress.policy
        trainer.recipe = recipe
        if key == "optim.lr":
            self._put_lr_in_force()
        effect = self._effect(key, before[0].train.epochs)
        if not self._is_in_force(command):
            # Before the save, whose checkpoint knows how long the log is.
            take_back = trainer.log_setting(f"{key} {old} -> {new}{effect}")
            try:
                self._save_for(command, f"{key} changed")
            except UserError:
                take_back()
                trainer.recipe, trainer.progress.policy = before
                trainer.set_lr(trainer.progress.policy.lr)
                raise
        self._set_keys.add(key)
        event = SettingChanged(
            key=key,
            old=old,
            new=new,
            epoch=epoch,
            step=step,
            by=command.by,
            pid=command.pid,
        )
        return event, f"{key} = {command.value}{effect}"

    def _effect(self, key: str, before: int) -> str:
        """Return what setting ``key`` did to the learning rate, or nothing. ``before``: the old ``train.epochs``."""
        recipe, progress = self.trainer.recipe, self.trainer.progress
        policy, epoch, epochs = progress.policy, progress.epoch, recipe.train.epochs
        if key == "optim.lr":
            words = outlook(recipe.schedule, policy, epoch=epoch, epochs=epochs)
            return f"; the learning rate in force is {policy.lr:.3g} from now on; {words}"
        if key == "train.epochs":
            return f"; {epochs_effect(recipe.schedule, policy, epoch=epoch, before=before, after=epochs)}"
        return ""

    def take_edits(self, edits: Sequence[Edit]) -> None:
        """Apply and report what was changed in ``recipe.toml`` since the checkpoint; the recipe has it already.

        An ``optim.lr`` scales the current learning rate, which a schedule may have lowered: the recipe names the rate
        at the start. One that a command had set after the checkpoint is applied as it was set.
        """
        if not edits:
            return
        epoch, step = self.position()
        with self.trainer.logging():
            for edit in edits:
                note = self._take_lr(edit) if edit.key == "optim.lr" else self._note_epochs(edit)
                self.trainer.log_setting(f"{edit} in recipe.toml{f'; {note}' if note else ''}")
                self._emit(
                    SettingChanged(
                        key=edit.key,
                        old=edit.old,
                        new=edit.new,
                        epoch=epoch,
                        step=step,
                        by=BY_HAND,
                        note=note,
                    )
                )

    def _take_lr(self, edit: Edit) -> str:
        """Apply an edited ``optim.lr``, and return what that does to the rate in force."""
        trainer = self.trainer
        before = trainer.progress.policy
        if edit.was_set:
            self._put_lr_in_force()
            return f"the learning rate in force is {trainer.progress.policy.lr:.3g}"
        known = replace(before, base_lr=before.base_lr or float(edit.old))
        trainer.progress.policy = known.rescaled(trainer.recipe.optim.lr)
        lr = trainer.progress.policy.lr
        trainer.set_lr(lr)
        if lr == trainer.recipe.optim.lr:
            return f"the learning rate in force is {lr:.3g}"
        return f"the learning rate in force is scaled alike, from {before.lr:.3g} to {lr:.3g}"

    def _note_epochs(self, edit: Edit) -> str:
        """Return what an edit of ``train.epochs`` does to the learning rate; empty for another edit."""
        if edit.key != "train.epochs":
            return ""
        progress, schedule = self.trainer.progress, self.trainer.recipe.schedule
        return epochs_effect(
            schedule, progress.policy, epoch=progress.epoch, before=int(edit.old), after=int(edit.new)
        )

    def _put_lr_in_force(self) -> None:
        """Make the recipe's learning rate the current one, from which the schedule continues."""
        trainer = self.trainer
        lr = trainer.recipe.optim.lr
        trainer.progress.policy = trainer.progress.policy.with_lr(lr)
        trainer.set_lr(lr)

    def _write_recipe(self) -> None:
        """Write what was set into ``recipe.toml``, keeping what a person has edited there meanwhile. Raises OSError."""
        path, recipe = self._run.recipe, self.trainer.recipe
        with contextlib.suppress(UserError):
            kept = load_recipe(path)
            for key in sorted(self._set_keys):
                kept = change(kept, key, value_of(recipe, key))
            recipe = kept
        text = recipe.to_toml()
        self._disk.keep_trying(lambda: replace_file(path, text.encode()), path)

    def _is_in_force(self, command: Command) -> bool:
        """Return whether the checkpoint that was resumed from was saved for ``command``."""
        return bool(command.id) and self.trainer.progress.command == command.id

    def _save_for(self, command: Command, reason: str) -> None:
        self.trainer.progress.command = command.id
        self._save_now(reason)

    def _recover(self, problem: NonFiniteError) -> None:
        """Train the epoch again from the best weights, as ``train.on_nan`` says, and save ``last``.

        Before there are best weights: from those before the first step, or else those last saved.

        The whole epoch is repeated, since the step at which a non-finite value is noticed depends on the clock. Raises
        ``problem`` where the recipe says stop, UserError where going back didn't help or nothing is saved.
        """
        trainer, checkpoints = self.trainer, self._run.checkpoints
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
        self._save_now("rolled back")
