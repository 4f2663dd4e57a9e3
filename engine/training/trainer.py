"""The training loop (method.md: Mixup, Model and optimiser, Learning-rate rule), from the first step to the last."""

import math
import time
from collections.abc import Callable
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional

from engine.compute.device import Precision, to_device
from engine.compute.rng import step_seed
from engine.core.errors import UserError
from engine.data.batches import Batched, Feed
from engine.data.order import Indices, draw_mix
from engine.journal.events import EpochStarted, Event, Outcome, Step
from engine.model.compiled import CompiledForward
from engine.model.ema import RunningMean
from engine.model.freeze import Freeze
from engine.recipe.recipe import Recipe
from engine.recipe.schedule import PolicyState, Verdict
from engine.run.directory import RunDir
from engine.run.disk_space import Room
from engine.run.train_log import TrainLog
from engine.run.train_state import Progress
from engine.training.checkpoint import Tensors, Which, host_copy
from engine.training.epoch_end import Closing
from engine.training.evaluate import Evaluation, Validation
from engine.training.finite import NoNumberError, Watch
from engine.training.meter import Meter, Pace, Stretch, waits_of
from engine.training.optimizer import build_optimizer, set_lr
from engine.training.update import Update


class Helm(Protocol):
    """Who steers the loop. The first three may raise StopRun, the order to leave."""

    def between_steps(self) -> None: ...

    def while_waiting(self, quiet: float, *, saves: bool) -> None:
        """Attend to what is asked while no image has come for ``quiet`` seconds.

        Without ``saves`` a checkpoint would lack the gradients of the step under way.
        """
        ...

    def after_epoch(self) -> None: ...

    def save(self, which: tuple[Which, ...], reason: str) -> None: ...

    def save_by_time(self) -> None:
        """Save ``last`` if that is due. Raises NoNumberError."""
        ...

    def recover(self, problem: NoNumberError) -> None:
        """Put the run back to weights that are numbers, or raise ``problem`` again."""
        ...


class Trainer:
    """Trains ``model`` on ``feed``; whatever happens goes to ``emit``, ``train.log`` and the pictures."""

    def __init__(
        self, run: RunDir, recipe: Recipe, feed: Feed, model: nn.Module, device: torch.device,
        emit: Callable[[Event], object], room: Room,
    ) -> None:  # fmt: skip
        self.recipe = recipe
        self.device = device
        self.model = model.to(device).to(memory_format=torch.channels_last)
        self.precision = Precision.choose(device, recipe.optim.amp)
        self.scaler = self.precision.scaler()
        self.optimizer = build_optimizer(self.model, recipe.optim)
        self._forward = CompiledForward(self.model, emit) if recipe.train.compile else self.model
        self._freeze = Freeze(self.model, recipe.train.freeze_epochs)
        self._update = Update(self.model, self.optimizer, self.scaler, recipe.optim.clip_grad)
        self._mean = (
            RunningMean(self.model, recipe.train.model_ema_decay) if recipe.train.model_ema_decay else None
        )
        self.judged = self._mean.module if self._mean else self.model
        """What is validated, kept and predicted with: the running mean of ``model``, or itself."""
        self._watch = Watch(self.optimizer, self.model, self.judged)
        self.validation = Validation(run, feed, self.precision)
        self.closing = Closing(run, feed.data.classes, self.validation, emit, room)
        self.progress = Progress(
            PolicyState(lr=recipe.optim.lr, base_lr=recipe.optim.lr), updates=0, updates_before=0
        )
        self.pace = Pace(waits_of(device))
        self._run = run
        self._feed = feed
        self._emit = emit
        self._room = room
        self._meter = Meter(device, self.progress)
        self.steps = 0
        """Of the epoch under way, as planned."""
        self._log: TrainLog
        self._helm: Helm

    def train(self, helm: Helm) -> Outcome:
        """Run the epochs that are left from ``progress`` on, and return how they ended.

        Raises what ``helm`` raises, and UserError when there is no going on.
        """
        self._helm = helm
        self._log = TrainLog(self._run.train_log, self.progress.log_length, self._room)
        outcome: Outcome = "finished"
        try:
            # Also of an attempt that was cut off behind its last epoch.
            while not self.progress.stopped and self.progress.epoch <= self.recipe.train.epochs:
                try:
                    self._epoch()
                except NoNumberError as problem:
                    helm.recover(problem)
                    continue
                if not self.progress.stopped and self.progress.epoch <= self.recipe.train.epochs:
                    helm.after_epoch()
            if self.progress.stopped:
                outcome = "early_stopped"
                self._log.early_stop()
            self._log.best_saved(self.progress.best_val_acc)
            name, best = self._run.confusion_picture().name, f"best epoch {self.progress.policy.best_epoch}"
            if self.closing.draw(name, self.progress.best_cells, best):
                self._log.confusion_matrix(name)
        finally:
            self._log.close()
        return outcome

    def synced_progress(self) -> Progress:
        """Return ``progress`` with the sums as the device holds them now. Raises NoNumberError."""
        self._read_meter()
        if self.progress.step:
            self._check_weights()
        return self.progress

    def take_progress(self, progress: Progress) -> None:
        """Go on from a checkpoint's counters."""
        self.progress = progress
        self._meter = Meter(self.device, progress)

    def set_lr(self, lr: float) -> None:
        set_lr(self.optimizer, lr)

    def check_rollback(self) -> None:
        """Raise UserError while the weights of the epoch under way are judged: their score isn't to be another's."""
        if self.validation.under_way:
            raise UserError("the epoch is being validated; roll back once that is done")

    def take_weights(self, tensors: Tensors) -> Callable[[], None]:
        """Put a checkpoint's weights in the place of the model's and of their mean; return what undoes it.

        The optimiser's moments are of other weights and begin anew; its counts too, for they weigh the moments.
        Where that fails, for want of memory, all are as they were.
        """
        moments = [value for state in self.optimizer.state.values() for value in state.values()]
        taken = [value for module in {self.model, self.judged} for value in module.state_dict().values()]
        held = [(value, host_copy(value)) for value in (*taken, *moments)]

        def put_back() -> None:
            with torch.no_grad():
                for value, before in held:
                    value.copy_(before)

        try:
            for module in {self.model, self.judged}:
                module.load_state_dict(tensors)
            for value in moments:
                value.zero_()
        except BaseException:
            put_back()
            raise
        return put_back

    def begin_epoch_again(self, tensors: Tensors) -> None:
        """Have the epoch under way trained from its first step on, with a checkpoint's weights and a lower rate."""
        self.take_weights(tensors)
        self._update.drop()
        self.scaler.load_state_dict(self.precision.scaler().state_dict())
        self.progress.policy = self.progress.policy.lower(self.recipe.schedule.factor)
        self.progress.begin_epoch_again(self._log.length)
        self._meter = Meter(self.device, self.progress)

    def cut_epoch(self) -> None:
        """Have the epoch under way validated as it stands. Raises UserError before its first step or after its last."""
        if not self.progress.step:
            raise UserError("the epoch hasn't made a step yet")
        if self.validation.under_way or self.progress.cut:
            raise UserError("the epoch's steps are done already")
        self.progress.cut = True

    def _epoch(self) -> None:
        progress, epochs = self.progress, self.recipe.train.epochs
        plan = self._feed.plan(progress.epoch)
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
        result = self.validation.judge(
            self.judged, self._between_steps, while_waiting=self._while_waiting,
            label_smoothing=self.recipe.optim.label_smoothing, epoch=progress.epoch,
        )  # fmt: skip
        self._close_epoch(result, self._moving_time() - started, pace.images_per_s)
        self.pace.epoch_overhead(self._moving_time() - trained)

    def _moving_time(self) -> float:
        """Return seconds on a clock that stands still while the run does."""
        self._note_standing()
        return time.monotonic() - self.pace.stood

    def _between_steps(self) -> None:
        self._note_standing()
        self.pace.move()
        self._helm.between_steps()
        self._note_standing()

    def _while_waiting(self, quiet: float) -> None:
        progress, accumulate = self.progress, self.recipe.optim.grad_accum_steps
        whole = progress.step % accumulate == 0 or self.validation.under_way
        self._note_standing()
        self.pace.move()
        self._helm.while_waiting(quiet, saves=whole)
        self._note_standing()

    def _note_standing(self) -> None:
        """Have the time for which the run has waited for room on the disk, wherever that was, not count."""
        if self._room.has_stood():
            self.pace.go_on()

    def _train_steps(self, plan: list[Indices]) -> Stretch:
        """Make the steps that are left of the epoch, and return what they took."""
        progress, steps, accumulate = self.progress, len(plan), self.recipe.optim.grad_accum_steps
        self._freeze.set_train(progress.epoch)
        self.pace.restart()
        left = plan[progress.step :]
        if progress.cut:  # by an attempt before this one, perhaps in the midst of a group of batches
            self._between_steps()
            left = []
        for batch in self._feed.train(left, progress.epoch, self._while_waiting, self.pace.waiting):
            if progress.step % accumulate == 0:  # gradients are in no checkpoint
                self._between_steps()
                if progress.cut:
                    break
                self._helm.save_by_time()
            progress.step += 1
            # Batch statistics of one image are undefined: what unreadable files left so small is passed over.
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
        self._feed.judge_wait(pace.waited, pace.seconds)
        return pace

    def _learn(self, batch: Batched) -> None:
        """Add a batch's gradients and figures. Neither this nor ``_step`` waits for the device."""
        alpha, seed, progress = self.recipe.mixup.alpha, self.recipe.train.seed, self.progress
        images, labels, share, partner_labels = batch.images, batch.labels, 1.0, None
        if alpha > 0:
            share, order = draw_mix(alpha, len(batch), seed=seed, epoch=progress.epoch, step=progress.step)
            partners = to_device(torch.from_numpy(order), self.device)
            images, partner_labels = torch.lerp(images[partners], images, share), labels[partners]
        torch.manual_seed(step_seed(seed, progress.epoch, progress.step))
        with self.precision.autocast():
            outputs = self._forward(images)
        loss = self._loss(outputs, labels)
        if partner_labels is not None:
            loss = share * loss + (1 - share) * self._loss(outputs, partner_labels)
        self._update.add(loss, len(batch))
        self._meter.add(loss, (outputs.detach().argmax(1) == labels).sum(), len(batch), progress.step)

    def _step(self) -> None:
        self._update.apply()
        self.progress.count_update()
        if self._mean:
            self._mean.update(self.progress.updates)

    def _loss(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(
            outputs.float(), labels, label_smoothing=self.recipe.optim.label_smoothing
        )

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
            raise NoNumberError(
                "the loss is no longer a number", self.progress.epoch, self._meter.first_bad()
            )

    def _check_weights(self) -> None:
        if not self._watch.finds_all_finite():
            raise NoNumberError("the weights are no longer numbers", self.progress.epoch, self.progress.step)

    def _close_epoch(self, result: Evaluation, seconds: float, images_per_s: float) -> None:
        progress, epoch = self.progress, self.progress.epoch
        verdict = self.closing.close(
            progress, self.recipe, self._log, result, seconds, images_per_s or self.pace.images_per_s
        )
        self._meter = Meter(self.device, progress)
        ends = verdict.stop or epoch == self.recipe.train.epochs
        self._save_due(verdict, last_due=ends or epoch % self.recipe.train.checkpoint_every == 0)

    def _save_due(self, verdict: Verdict, *, last_due: bool) -> None:
        if verdict.new_best:
            self._helm.save(("best", "last") if last_due else ("best",), "new best")
        elif last_due:
            self._helm.save(("last",), "end of epoch")
