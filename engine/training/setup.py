"""What a run trains with: stream, model, trainer and loop, made in order and closed together."""

from collections.abc import Callable, Sequence
from pathlib import Path

from engine.compute.device import Precision, choose_device
from engine.control.run_control import RunControl
from engine.core.errors import UserError
from engine.core.text import printable
from engine.data.batches import BatchStream
from engine.data.images import DataSet
from engine.data.loading.pool import Pool
from engine.data.normalize import Normalize
from engine.journal.events import DatasetScanned, Event, Outcome, RunWarning, Stage
from engine.model.build import build_model
from engine.model.sizes import try_model
from engine.outliers.files.acting import OutlierActions
from engine.recipe.model_sizes import NO_ARGS, PRETRAINED, ModelArgs
from engine.recipe.recipe import Recipe
from engine.recipe.sections import Model
from engine.recipe.weights_source import weights_source
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace
from engine.run.recipe_edits import Edit
from engine.run.train_state import TrainState
from engine.training import checkpoint
from engine.training.checkpoint import ModelFacts, Resumed
from engine.training.loop import TrainingLoop
from engine.training.resuming import reconcile
from engine.training.trainer import Trainer

Announce = Callable[[Stage, str], None]


class Training:
    """The training of one run: ``prepare``, ``run``, and always ``close``."""

    def __init__(
        self, run: RunDir, recipe: Recipe, data: DataSet, control: RunControl, disk: DiskSpace,
        emit: Callable[[Event], object], known_bad: set[str], pool: Pool, outliers: OutlierActions,
        model_args: ModelArgs = NO_ARGS,
    ) -> None:  # fmt: skip
        self.model_args = model_args
        """Arguments of ``timm.create_model`` by which a new run's model takes the recipe's sizes."""
        self._run = run
        self._recipe = recipe
        self._data = data
        self._control = control
        self._disk = disk
        self._emit = emit
        self._known_bad = known_bad
        self._pool = pool
        self._outliers = outliers
        self._stream: BatchStream | None = None
        self._trainer: Trainer | None = None
        self._loop: TrainingLoop | None = None
        self._changed = False
        """Whether the run goes on otherwise than its checkpoint says."""

    def prepare(
        self,
        announce: Announce,
        *,
        resume: bool,
        edits: Sequence[Edit] = (),
        scanned: DatasetScanned | None = None,
    ) -> None:
        """Build the model, or load it from ``checkpoints/last``. Raises UserError.

        ``edits`` are the changes to the recipe since then, ``scanned`` is what the attempt before found of the data.
        """
        recipe, data = self._recipe, self._data
        device = choose_device(recipe.train.device)
        model = (
            recipe.model.model_copy(update={"pretrained": False, "weights": ""}) if resume else recipe.model
        )
        _announce_weights(model, announce)
        folder = self._checkpoint() if resume else None
        args = self._resumed_args(folder, edits) if folder else self.model_args
        built = build_model(model, len(data.classes), recipe.train.seed, args)
        if built.said:
            self._emit(RunWarning(message=built.said))
        facts = ModelFacts(
            name=model.name,
            classes=data.classes,
            mean=built.mean,
            std=built.std,
            val_size=recipe.data.val_size,
            pad=recipe.data.pad,
            dropout=model.drop_rate,
            model_args=dict(args),
        )
        normalize = Normalize(built.mean, built.std, device)
        self._stream = BatchStream(
            data, recipe, normalize, device, self._emit, self._known_bad, self._pool,
            self._outliers.exclusions,
        )  # fmt: skip
        warnings: list[str] = []
        self._trainer = Trainer(self._run, recipe, self._stream, built.module, device, self._emit, self._disk)
        if folder:
            if folder.name != "last" and (self._run.checkpoints / "last").exists():
                self._emit(
                    RunWarning(message="checkpoints/last is damaged; the run goes on from the one before it")
                )
            trainer = self._trainer
            resumed = checkpoint.load_last(
                folder, trainer.model, trainer.eval_model, trainer.optimizer, trainer.scaler, data.classes
            )
            if difference := _difference(resumed, trainer.precision):
                self._emit(RunWarning(message=difference))
            progress = resumed.progress
            now = self._stream.listing(progress.epoch)
            warnings = reconcile(progress, recipe, edits, resumed.listing, now, scanned)
            # A higher schedule.patience reopens a run that stopped early.
            progress.stopped = progress.stopped and progress.policy.counter >= recipe.schedule.patience
            trainer.take_progress(progress)
            self._changed = bool(edits or warnings)
            checkpoint.settle_best(self._run.checkpoints, trainer.progress.policy.best_epoch)
            if (best := checkpoint.find(self._run.checkpoints, "best")) is not None:
                trainer.closing.put_back_judged(best)
        self._loop = TrainingLoop(
            self._run,
            self._trainer,
            self._stream,
            self._control,
            facts,
            self._outliers,
            self._emit,
            self._disk,
        )
        self._loop.take_edits(edits)
        for message in (*warnings, *self._unmatched()):
            self._emit(RunWarning(message=message))

    def _checkpoint(self) -> Path:
        """Return the checkpoint to resume from. Raises UserError if there is none."""
        folder = checkpoint.find(self._run.checkpoints, "last")
        if folder is None:
            raise UserError("the checkpoint to go on from is gone")
        return folder

    def _resumed_args(self, folder: Path, edits: Sequence[Edit]) -> ModelArgs:
        """Return the arguments that the checkpoint's model was built with. Raises UserError if an edit doesn't fit."""
        args = checkpoint.read_model_args(folder)
        if any(edit.key in (*PRETRAINED, "data.batch_size") for edit in edits):
            sizes = self._recipe.data
            try_model(self._recipe.model.name, sizes.train_size, sizes.val_size, sizes.batch_size, args)
        return args

    def _unmatched(self) -> list[str]:
        """Return a warning about recorded exclusions that match no image."""
        paths = self._stream.unmatched() if self._stream is not None else []
        if not paths:
            return []
        which = "an image that was" if len(paths) == 1 else f"{len(paths):,} images that were"
        return [
            f"{which} left out can't be found in {printable(self._recipe.data.train)}, {printable(paths[0])} first; "
            "if its files were renamed, they are trained on"
        ]

    def kept_images(self) -> str:
        """Return a sentence that says where decoded images are cached."""
        return f"decoded images are kept {self._stream.kept}" if self._stream else ""

    def run(self, announce: Announce, *, predicted: bool) -> Outcome:
        """Train to the end, then predict the test set if there is one. Raises StopRun or UserError.

        ``predicted``: an interrupted attempt has done so, which counts if there is nothing left to train.
        """
        if self._trainer is None or self._loop is None:
            raise RuntimeError("run() before prepare()")
        progress = self._trainer.progress
        began = (progress.epoch, progress.step)
        untrained = (progress.epoch, progress.step, progress.updates) == (1, 0, 0)
        if self._trainer.recipe.train.on_nan == "rollback" and untrained:
            # What the first epoch can go back to.
            self._loop.save(("last",), "before the first step")
        elif self._changed:
            # The checkpoint's recipe, images and rate: an attempt after this one is to compare with what holds now.
            self._loop.save(("last",), "resumed with changes")
        outcome = self._loop.run()
        predicted = predicted and began == (progress.epoch, progress.step)
        if len(self._data.test) and self._trainer.recipe.train.predict and not predicted:
            announce("predicting", "the test set, with the best weights")
            self._loop.predict_at_end()
        return outcome

    def restart_clock(self) -> None:
        """Exclude the time since the last step from the pace."""
        if self._trainer is not None:
            self._trainer.pace.go_on()

    def close(self) -> TrainState | None:
        """Finish what is being written, end the threads, and return the train state; None if ``prepare`` failed."""
        if self._loop is not None:
            self._loop.close()
        if self._stream is not None:
            self._stream.close()
        return self._trainer.progress if self._trainer is not None and self._loop is not None else None


def _announce_weights(model: Model, announce: Announce) -> None:
    match weights_source(model):
        case "hub":
            announce("downloading weights", model.name)
        case "none":
            announce("building model", model.name)
        case "file":
            announce("loading weights", model.weights)
        case "package":
            announce("loading weights", f"{model.name}, from its package")


def _difference(resumed: Resumed, now: Precision) -> str:
    """Return in words that a checkpoint was trained in another precision or on another device, "" if in the same.

    Of an earlier version's nothing is known but whether it was float16.
    """
    earlier = resumed.precision or ("float32 or bf16" if now.name == "fp16" else now.name)
    device = resumed.device or now.device.type
    if (earlier, device) == (now.name, now.device.type):
        return ""
    before, after = (
        (f"{earlier} on {device}", f"{now.name} on {now.device.type}")
        if device != now.device.type
        else (earlier, now.name)
    )
    scaler = "; the loss scaler starts anew" if now.name == "fp16" and not resumed.has_scaler else ""
    return (
        f"the checkpoint was trained in {printable(before, 80)} and is resumed in {after}: the numbers from here on "
        f"differ from those of an unbroken run{scaler}"
    )
