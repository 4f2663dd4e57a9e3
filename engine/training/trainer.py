"""The training loop (method.md: Mixup, Model and optimiser, Learning-rate rule), from the first step to the last."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto

import torch
from torch import nn
from torch.nn import functional

from engine.compute.device import Precision, to_device
from engine.compute.rng import step_seed
from engine.core.errors import UserError
from engine.data.batches import Batched, BatchStream
from engine.data.order import Indices, sample_mixup
from engine.journal.events import EpochStarted, Event, Outcome, Step
from engine.model.compiled import CompiledForward
from engine.model.ema import ModelEma
from engine.model.freeze import Freeze
from engine.model.strided import avoid_heap_corruption
from engine.recipe.recipe import Recipe
from engine.recipe.schedule import ScheduleDecision, ScheduleState
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace
from engine.run.train_log import TrainLog
from engine.run.train_state import TrainState
from engine.training.checkpoint import Tensors, host_copy
from engine.training.epoch_end import EpochEnd
from engine.training.evaluate import Validation
from engine.training.finite import FiniteCheck, NonFiniteError
from engine.training.meter import Meter, Pace, Stretch, waits_of
from engine.training.optimizer import build_optimizer, set_lr
from engine.training.update import Update

_UNSAVED_AFTER = 10.0
"""Seconds without an image after which a step may be abandoned in order to leave: batch systems wait about 30."""


class Moment(Enum):
    """Where an epoch is when the trainer asks what to do next."""

    BEFORE_STEP = auto()
    """Before a step of the weights: no gradients are held, so that everything can be saved."""
    BETWEEN = auto()
    """In validation, between epochs, or waiting for images between two steps: everything can be saved."""
    IN_STEP = auto()
    """No image has come for a while in the middle of a step: a checkpoint would lack the gradients held."""


Attend = Callable[[Moment], None]
"""Carries out what is asked of the run. May raise StopRun."""


class Trainer:
    """Trains and validates ``model`` on the batches of ``stream``, epoch by epoch.

    Events go to ``emit``, lines to ``train.log``. Saving and steering are the loop's: it is asked at each ``Moment``.
    """

    def __init__(
        self, run: RunDir, recipe: Recipe, stream: BatchStream, model: nn.Module, device: torch.device,
        emit: Callable[[Event], object], disk: DiskSpace,
    ) -> None:  # fmt: skip
        self.recipe = recipe
        self.device = device
        self.model = model.to(device).to(memory_format=torch.channels_last)
        if device.type == "cpu":
            avoid_heap_corruption(self.model)
        self.precision = Precision.choose(device, recipe.optim.amp)
        self.scaler = self.precision.scaler()
        self.optimizer = build_optimizer(self.model, recipe.optim)
        self._forward = CompiledForward(self.model, emit) if recipe.train.compile else self.model
        self._freeze = Freeze(self.model, recipe.train.freeze_epochs)
        self._update = Update(self.model, self.optimizer, self.scaler, recipe.optim.clip_grad)
        self._model_ema = (
            ModelEma(self.model, recipe.train.model_ema_decay) if recipe.train.model_ema_decay else None
        )
        self.eval_model = self._model_ema.module if self._model_ema else self.model
        """What is validated, saved and predicted with: the moving average of ``model``, or ``model`` itself."""
        self._watch = FiniteCheck(self.optimizer, self.model, self.eval_model)
        self.validation = Validation(run, stream, self.precision)
        self.closing = EpochEnd(run, stream.data.classes, self.validation, emit, disk)
        self.progress = TrainState(
            ScheduleState(lr=recipe.optim.lr, base_lr=recipe.optim.lr), updates=0, updates_before=0
        )
        self.pace = Pace(waits_of(device))
        self._run = run
        self._stream = stream
        self._emit = emit
        self._disk = disk
        self._meter = Meter(device, self.progress)
        self.steps = 0
        """The number of steps planned for the current epoch."""
        self._trained = 0.0
        self._log: TrainLog
        self._attend: Attend

    def _learn(self, batch: Batched) -> None:
        """Add the gradients and the figures of one batch. Neither this nor ``_step`` waits for the device."""
        alpha, seed, progress = self.recipe.mixup.alpha, self.recipe.train.seed, self.progress
        images, labels, lam, permuted_labels = batch.images, batch.labels, 1.0, None
        if alpha > 0:
            lam, permutation = sample_mixup(
                alpha, len(batch), seed=seed, epoch=progress.epoch, step=progress.step
            )
            order = to_device(torch.from_numpy(permutation), self.device)
            images, permuted_labels = torch.lerp(images[order], images, lam), labels[order]
        torch.manual_seed(step_seed(seed, progress.epoch, progress.step))
        with self.precision.autocast():
            outputs = self._forward(images)
        loss = self._loss(outputs, labels)
        if permuted_labels is not None:
            loss = lam * loss + (1 - lam) * self._loss(outputs, permuted_labels)
        self._update.add(loss, len(batch))
        self._meter.add(loss, (outputs.detach().argmax(1) == labels).sum(), len(batch), progress.step)

    def _step(self) -> None:
        self._update.apply()
        self.progress.count_update()
        if self._model_ema:
            self._model_ema.update(self.progress.updates)

    def _loss(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(
            outputs.float(), labels, label_smoothing=self.recipe.optim.label_smoothing
        )

    def _train_steps(self, plan: list[Indices]) -> Stretch:
        """Train the remaining steps of the epoch, and return their times."""
        progress, steps, accumulate = self.progress, len(plan), self.recipe.optim.grad_accum_steps
        self._freeze.set_train(progress.epoch)
        self.pace.restart()
        left = plan[progress.step :]
        if progress.cut:  # by an attempt before this one, perhaps in the midst of a group of batches
            self._ask(Moment.BETWEEN)
            left = []
        for batch in self._stream.train(left, progress.epoch, self._while_waiting, self.pace.waiting):
            if progress.step % accumulate == 0:  # gradients are in no checkpoint
                self._ask(Moment.BEFORE_STEP)
                if progress.cut:
                    break
            progress.step += 1
            # Batch statistics of one image are undefined: a batch that unreadable files left so small is skipped.
            if len(batch) > min(1, len(plan[progress.step - 1]) - 1):
                self._learn(batch)
            if progress.step % accumulate == 0 or progress.step == steps:
                self._step()
            self.pace.step(len(batch))
            if self._meter.due() or progress.step == steps:
                self._tick(steps)
        if progress.cut:
            self._tick(progress.step)
        if not progress.seen:
            raise UserError("none of the training images can be read")
        pace = self.pace.end_epoch()
        self._stream.judge_wait(pace.waited, pace.seconds)
        return pace

    def epoch(self, attend: Attend) -> ScheduleDecision:
        """Train and validate the current epoch, or what is left of it, and begin the next one.

        ``attend`` is called before each step of the weights and each batch of the validation, and may raise to leave.
        Raises NonFiniteError, UserError if no image can be read, OSError.
        """
        self._attend = attend
        progress, epochs = self.progress, self.recipe.train.epochs
        plan = self._stream.plan(progress.epoch)
        self.steps = len(plan)
        self._emit(EpochStarted(epoch=progress.epoch, epochs=epochs, lr=progress.policy.lr, steps=len(plan)))
        if not progress.announced:
            self._log.lr(progress.epoch, epochs, progress.policy.lr)
            progress.announce(self._log.length)
        self._meter = Meter(self.device, progress)
        self.set_lr(progress.policy.lr)
        self.pace.move()
        started = self._moving_time()
        pace = self._train_steps(plan)
        self._check_weights()
        trained = self._moving_time()
        result = self.validation.validate(
            self.eval_model, lambda: self._ask(Moment.BETWEEN), while_waiting=self._while_waiting,
            label_smoothing=self.recipe.optim.label_smoothing, epoch=progress.epoch,
        )  # fmt: skip
        seconds, images_per_s = self._moving_time() - started, pace.images_per_s or self.pace.images_per_s
        decision = self.closing.close(progress, self.recipe, self._log, result, seconds, images_per_s)
        self._meter = Meter(self.device, progress)
        self._trained = trained
        return decision

    def _ask(self, moment: Moment) -> None:
        """Carry out what is asked of the run; the time it takes doesn't count."""
        self._note_standing()
        self.pace.move()
        self._attend(moment)
        self._note_standing()

    def _while_waiting(self, quiet: float) -> None:
        """Carry out what is asked of the run while no image has come for ``quiet`` seconds."""
        if self.progress.step % self.recipe.optim.grad_accum_steps == 0 or self.validation.under_way:
            self._ask(Moment.BETWEEN)
        elif quiet >= _UNSAVED_AFTER:
            self._ask(Moment.IN_STEP)
        else:
            self._note_standing()
            self.pace.move()

    def _moving_time(self) -> float:
        """Return seconds on a clock that stops while the run is paused or waits for disk space."""
        self._note_standing()
        return time.monotonic() - self.pace.stood

    def _note_standing(self) -> None:
        """Exclude the time for which the run has waited for disk space from its pace."""
        if self._disk.has_waited():
            self.pace.go_on()

    def _tick(self, steps: int) -> None:
        progress = self.progress
        self._read_meter()
        self.pace.read()
        if not progress.seen:
            return
        epochs_left = self.recipe.train.epochs - progress.epoch
        self._emit(
            Step(
                epoch=progress.epoch,
                step=progress.step,
                steps=steps,
                loss=progress.loss_sum / progress.seen,
                train_acc=100 * progress.correct / progress.seen,
                images_per_s=self.pace.images_per_s,
                eta=self.pace.eta(steps_left=steps - progress.step, epochs_left=epochs_left, steps=steps),
                data_wait=self.pace.data_wait,
            )
        )
        self._note_standing()

    def _read_meter(self) -> None:
        self._meter.read(self.progress)
        if not math.isfinite(self.progress.loss_sum):
            raise NonFiniteError(
                "the loss is no longer a number", self.progress.epoch, self._meter.first_bad()
            )

    def _check_weights(self) -> None:
        if not self._watch.finds_all_finite():
            raise NonFiniteError("the weights are no longer numbers", self.progress.epoch, self.progress.step)

    def note_overhead(self) -> None:
        """Count the time since the last step of the epoch that has ended as its overhead: validation and saving."""
        self.pace.epoch_overhead(self._moving_time() - self._trained)

    def has_epochs_left(self) -> bool:
        """Return whether there is an epoch to train, or to finish."""
        return not self.progress.stopped and self.progress.epoch <= self.recipe.train.epochs

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Keep ``train.log`` open, from where ``progress`` knows of it."""
        self._log = TrainLog(self._run.train_log, self.progress.log_length, self._disk)
        try:
            yield
        finally:
            self._log.close()

    def log_setting(self, change: str) -> Callable[[], None]:
        """Write a changed setting to the open ``train.log``, and return a function that takes the line back."""
        before, length = self.progress.log_length, self._log.length
        self._log.setting(change)
        self.progress.log_length = self._log.length  # or a resume would lose the line

        def take_back() -> None:
            self._log.take_back(length)
            self.progress.log_length = before

        return take_back

    def conclude(self) -> Outcome:
        """Write the last lines of ``train.log`` and the best epoch's picture; return how training ended."""
        if self.progress.stopped:
            self._log.early_stop()
        self._log.best_saved(self.progress.best_val_acc)
        name, best = self._run.confusion_picture().name, f"best epoch {self.progress.policy.best_epoch}"
        if self.closing.draw(name, self.progress.best_cells, best):
            self._log.confusion_matrix(name)
        return "early_stopped" if self.progress.stopped else "finished"

    def synced_progress(self) -> TrainState:
        """Return ``progress`` with the sums as the device holds them now. Raises NonFiniteError."""
        self._read_meter()
        if self.progress.step:
            self._check_weights()
        return self.progress

    def take_progress(self, progress: TrainState) -> None:
        """Continue from the counters of a checkpoint."""
        self.progress = progress
        self._meter = Meter(self.device, progress)

    def set_lr(self, lr: float) -> None:
        set_lr(self.optimizer, lr)

    def cut_epoch(self) -> None:
        """End the steps of the current epoch. Raises UserError before its first step or after its last."""
        if not self.progress.step:
            raise UserError("the epoch hasn't made a step yet")
        if self.validation.under_way or self.progress.cut:
            raise UserError("the epoch's steps are done already")
        self.progress.cut = True

    def check_rollback(self) -> None:
        """Raise UserError during a validation, whose score must be of one set of weights."""
        if self.validation.under_way:
            raise UserError("the epoch is being validated; roll back once that is done")

    def take_weights(self, tensors: Tensors) -> Callable[[], None]:
        """Load the weights of a checkpoint into the model and its average, and return a function that undoes it.

        The optimiser's state is reset, since it belongs to other weights. If loading fails, for example for lack of
        memory, nothing has changed.
        """
        moments = [value for state in self.optimizer.state.values() for value in state.values()]
        taken = [value for module in {self.model, self.eval_model} for value in module.state_dict().values()]
        held = [(value, host_copy(value)) for value in (*taken, *moments)]

        def put_back() -> None:
            with torch.no_grad():
                for value, before in held:
                    value.copy_(before)

        try:
            for module in {self.model, self.eval_model}:
                module.load_state_dict(tensors)
            for value in moments:
                value.zero_()
        except BaseException:
            put_back()
            raise
        return put_back

    def begin_epoch_again(self, tensors: Tensors) -> None:
        """Restart the current epoch with the weights of a checkpoint and a lower learning rate."""
        self.take_weights(tensors)
        self._update.drop()
        self.scaler.load_state_dict(self.precision.scaler().state_dict())
        self.progress.policy = self.progress.policy.lower(self.recipe.schedule.factor)
        self.progress.begin_epoch_again(self._log.length)
        self._meter = Meter(self.device, self.progress)
