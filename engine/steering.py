"""What a command does to a run: save, predict, set. Between the spool and the training loop."""

from collections.abc import Callable

import torch

from engine import checkpoint
from engine.checkpoint import (
    CheckpointWriter,
    ModelFacts,
    Snapshot,
    Which,
    model_tensors,
    optimizer_tensors,
)
from engine.commands import Exclude, Restore
from engine.controls import Controls, StopRun
from engine.data.feed import Feed
from engine.errors import UserError
from engine.event import Event
from engine.events import EpochCut, PredictionProgress, PredictionWritten, RolledBack, SettingChanged
from engine.files import replace_file
from engine.meter import Throttle
from engine.models import restore_model
from engine.outliers.acting import Acting
from engine.predict import predict, write_prediction
from engine.recipe import LIVE_KEYS, change, value_of
from engine.rundir import RunDir
from engine.text import nearest, printable
from engine.trainer import Trainer


class Steering:
    """The helm of one run's trainer."""

    def __init__(
        self, run: RunDir, trainer: Trainer, feed: Feed, controls: Controls, facts: ModelFacts,
        outliers: Acting, emit: Callable[[Event], object],
    ) -> None:  # fmt: skip
        self._run = run
        self._trainer = trainer
        self._outliers = outliers
        self._feed = feed
        self._controls = controls
        self._facts = facts
        self._emit = emit
        self._writer = CheckpointWriter(run.checkpoints, emit)

    def close(self) -> None:
        """Return when every checkpoint handed over is on disk."""
        self._writer.close()

    def between_steps(self) -> None:
        self._controls.between_steps(self)

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
        self._trainer.pace.restart()

    def save(self, which: tuple[Which, ...], reason: str) -> None:
        """Copy the run's state and have it written while training goes on."""
        trainer = self._trainer
        progress = trainer.synced_progress()
        last = "last" in which
        averaged = trainer.judged is not trainer.model
        snapshot = Snapshot(
            which=which,
            reason=reason,
            facts=self._facts.at_best(progress.policy.best_epoch),
            progress=progress.copy(),
            model=model_tensors(trainer.judged),
            optimizer=optimizer_tensors(trainer.optimizer) if last else {},
            scaler=trainer.scaler.state_dict(),
            raw_model=model_tensors(trainer.model) if last and averaged else {},
        )
        self._writer.submit(snapshot)

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
        """Write ``prediction.csv`` from the best weights so far, in a model of their own."""
        self._writer.flush()
        folder = checkpoint.find(self._run.checkpoints, "best")
        if folder is None:
            raise UserError("the best checkpoint is gone")
        tensors, facts = checkpoint.load_model_file(folder)
        model = restore_model(facts.name, len(facts.classes), tensors)
        model = model.to(self._trainer.device).to(memory_format=torch.channels_last)
        paths = self._feed.data.test.paths
        due = Throttle()

        def tick(done: int) -> None:
            if due() or done == len(paths):
                self._emit(PredictionProgress(done=done, total=len(paths)))

        found = predict(model, self._feed.test(), paths, self._trainer.precision, tick=tick)
        rows = write_prediction(self._run.prediction, found.paths, found.labels(facts.classes))
        self._emit(PredictionWritten(path=self._run.prediction.name, rows=rows, epoch=facts.best_epoch))

    def rollback_now(self) -> str:
        """Go on from the best weights so far, and save that. Raises UserError when there are none."""
        self._writer.flush()
        folder = checkpoint.find(self._run.checkpoints, "best")
        if folder is None or not self._trainer.progress.policy.best_epoch:
            raise UserError("no best weights yet: the first epoch hasn't been validated")
        tensors, facts = checkpoint.load_model_file(folder)
        self._trainer.take_weights(tensors)
        self.save_now("rolled back")
        epoch, step = self.position()
        self._emit(RolledBack(epoch=epoch, step=step, best_epoch=facts.best_epoch))
        return f"going on from the best weights, those of epoch {facts.best_epoch}"

    def skip_now(self) -> str:
        """End the epoch before its next step, and save that it is so. Raises UserError."""
        self._trainer.cut_epoch()
        self.save_now("epoch cut")
        epoch, step = self.position()
        self._emit(EpochCut(epoch=epoch, step=step, steps=self._trainer.steps))
        return f"epoch {epoch} is validated after step {step} of {self._trainer.steps}"

    def exclude_now(self, command: Exclude) -> str:
        """Leave images out by hand from the next epoch on. Raises UserError."""
        epoch = self._feed.planned + 1
        done = self._outliers.exclude(command, self._feed.data.labelled_train(), from_epoch=epoch)
        return f"{done}, from epoch {epoch} on"

    def restore_now(self, command: Restore) -> str:
        """Let outliers back in from the next epoch on. Raises UserError."""
        epoch = self._feed.planned + 1
        return f"{self._outliers.restore(command, from_epoch=epoch)}, in use from epoch {epoch} on"

    def set_now(self, key: str, value: str) -> None:
        """Change a setting for good: in the loop, in ``recipe.toml`` and in a checkpoint. Raises UserError."""
        trainer = self._trainer
        if key not in LIVE_KEYS:
            close = nearest(key, LIVE_KEYS, 1)
            hint = f"did you mean {close[0]}?" if close else f"these can: {', '.join(LIVE_KEYS)}"
            raise UserError(f"{printable(key, 80)} can't be changed while the run goes on; {hint}")
        recipe = change(trainer.recipe, key, value)
        epoch, step = self.position()
        if recipe.train.epochs < epoch:
            raise UserError(f"train.epochs can't be below the epoch under way, {epoch}")
        old = value_of(trainer.recipe, key)
        trainer.recipe = recipe
        if key == "optim.lr":
            trainer.progress.policy = trainer.progress.policy.with_lr(recipe.optim.lr)
            trainer.set_lr(recipe.optim.lr)
        replace_file(self._run.recipe, recipe.to_toml().encode())
        self.save_now(f"{key} changed")
        self._emit(SettingChanged(key=key, old=old, new=value_of(recipe, key), epoch=epoch, step=step))
