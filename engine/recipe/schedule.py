"""Learning-rate decay and early stopping (method.md, Learning-rate rule). Pure arithmetic on plain numbers."""

import math
from dataclasses import dataclass, replace
from typing import Literal, Protocol

Kind = Literal["counter", "plateau", "cosine"]
Monitor = Literal["val_acc", "val_loss"]


class Schedule(Protocol):
    """The rule, as the recipe's ``[schedule]`` section states it."""

    @property
    def kind(self) -> Kind: ...
    @property
    def factor(self) -> float: ...
    @property
    def every(self) -> int: ...
    @property
    def patience(self) -> int: ...
    @property
    def monitor(self) -> Monitor: ...
    @property
    def plateau_patience(self) -> int: ...
    @property
    def plateau_threshold(self) -> float: ...


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """What the rule remembers between two epochs. ``best`` is None before the first epoch ends."""

    lr: float
    best: float | None = None
    best_epoch: int = 0
    counter: int = 0
    plateau_best: float | None = None
    plateau_bad_epochs: int = 0
    base_lr: float = 0.0
    """The recipe's ``optim.lr`` from which ``lr`` has come; 0 in checkpoints of 0.1.0: not known."""

    def with_lr(self, lr: float) -> "ScheduleState":
        """Return the state with ``lr`` in force and in the recipe; every kind of schedule goes on from it."""
        return replace(self, lr=lr, base_lr=lr)

    def lower(self, factor: float) -> "ScheduleState":
        """Return the state with a lower learning rate; every kind of schedule goes on from it."""
        return replace(self, lr=self.lr * factor)

    def rescaled(self, base_lr: float) -> "ScheduleState":
        """Return the state for a recipe whose ``optim.lr`` was edited between two attempts: ``lr`` scaled alike."""
        if self.base_lr in (0, base_lr):
            return replace(self, base_lr=base_lr)
        return replace(self, lr=self.lr * (base_lr / self.base_lr), base_lr=base_lr)


@dataclass(frozen=True, slots=True)
class ScheduleDecision:
    """What the rule says at the end of an epoch. ``reason`` is a line for a person; empty: no change."""

    new_best: bool
    stop: bool
    old_lr: float
    new_lr: float
    reason: str

    @property
    def decayed(self) -> bool:
        return self.new_lr != self.old_lr


def advance(
    schedule: Schedule,
    state: ScheduleState,
    *,
    epoch: int,
    epochs: int,
    val_acc: float,
    val_loss: float,
) -> tuple[ScheduleState, ScheduleDecision]:
    """Judge epoch ``epoch`` (1-based) of ``epochs`` and return the next state with its verdict.

    ``val_acc`` is in percent, ``val_loss`` a mean cross-entropy; which one is monitored is the schedule's
    choice, and only a strictly better score is a new best. A NaN is never better. The early-stop counter
    works the same for every kind of schedule; the learning rate changes by the kind:

    * ``counter``: at each multiple of ``every`` that the counter reaches without stopping, lr *= factor;
    * ``plateau``: torch's ReduceLROnPlateau on the validation loss, relative threshold, no cooldown;
    * ``cosine``: half a cosine towards 0 over ``epochs``, one value an epoch, by the recursion of torch's
      CosineAnnealingLR: each epoch's rate follows from the one before. So a rate that was set, lowered or scaled is
      where the curve goes on, and one whose ``epochs`` change goes on from its present value to the new last epoch.
      It never rises: extending a run that has almost decayed doesn't bring back the rates that are past.
    """
    score, best = (
        (val_acc, state.best) if schedule.monitor == "val_acc" else (-val_loss, _negated(state.best))
    )
    new_best = not math.isnan(score) and (best is None or score > best)
    counter = 0 if new_best else state.counter + 1
    stop = counter >= schedule.patience
    after = replace(state, counter=counter)
    if new_best:
        after = replace(after, best=val_acc if schedule.monitor == "val_acc" else val_loss, best_epoch=epoch)

    lr, reason = state.lr, ""
    if schedule.kind == "counter":
        if not stop and counter > 0 and counter % schedule.every == 0:
            lr = state.lr * schedule.factor
            reason = f"{counter} epochs without a better score"
    elif schedule.kind == "plateau":
        after, lr, reason = _plateau(schedule, after, val_loss)
    elif epoch < epochs:
        lr = cosine_lr(state.lr, epoch, epoch + 1, epochs)
        reason = f"cosine, epoch {epoch + 1} of {epochs}"
    return replace(after, lr=lr), ScheduleDecision(
        new_best, stop, state.lr, lr, reason if lr != state.lr else ""
    )


def _negated(value: float | None) -> float | None:
    return None if value is None else -value


def _plateau(schedule: Schedule, state: ScheduleState, val_loss: float) -> tuple[ScheduleState, float, str]:
    best = state.plateau_best
    if not math.isnan(val_loss) and (best is None or val_loss < best * (1 - schedule.plateau_threshold)):
        return replace(state, plateau_best=val_loss, plateau_bad_epochs=0), state.lr, ""
    bad_epochs = state.plateau_bad_epochs + 1
    if bad_epochs <= schedule.plateau_patience:
        return replace(state, plateau_bad_epochs=bad_epochs), state.lr, ""
    reason = f"validation loss on a plateau for {bad_epochs} epochs"
    return replace(state, plateau_bad_epochs=0), state.lr * schedule.factor, reason


def cosine_lr(lr: float, epoch: int, later: int, epochs: int) -> float:
    """Return the learning rate of epoch ``later`` on the cosine curve that has ``lr`` in ``epoch``.

    Both are 1-based and at most ``epochs``; in the epoch after those the curve is at 0.
    """
    return lr * (_cosine(later, epochs) / _cosine(epoch, epochs))


def _cosine(epoch: int, epochs: int) -> float:
    """Return (1 + cos(pi * (epoch - 1) / epochs)) / 2, written so that no digits cancel near its end."""
    return math.sin(math.pi * (epochs - epoch + 1) / (2 * epochs)) ** 2


def outlook(schedule: Schedule, state: ScheduleState, *, epoch: int, epochs: int) -> str:
    """Return in words what the rule makes of the learning rate from ``epoch``, the one under way, on."""
    if epoch >= epochs:
        return f"epoch {epochs} is the last"
    if schedule.kind == "cosine":
        last = cosine_lr(state.lr, epoch, epochs, epochs)
        return (
            f"the cosine curve goes on from {state.lr:.3g} in epoch {epoch} to {last:.3g} in epoch {epochs}"
        )
    if schedule.kind == "plateau":
        left, bad = schedule.plateau_patience + 1 - state.plateau_bad_epochs, "on a plateau of the loss"
    else:
        left, bad = schedule.every - state.counter % schedule.every, "without a better score"
        if state.counter + left >= schedule.patience:
            return "early stopping comes before the next decay"
    more = "1 more epoch" if left == 1 else f"{max(1, left)} more epochs"
    return f"the next decay, to {state.lr * schedule.factor:.3g}, comes after {more} {bad}"


def epochs_to_stop(schedule_patience: int, counter: int) -> int:
    """Return how many more epochs without a better score end the run (0: it has ended)."""
    return max(0, schedule_patience - counter)
