"""Learning-rate schedules and early stopping (method.md, Learning-rate rule), as pure functions of numbers."""

import math
from dataclasses import dataclass, replace
from typing import Literal, Protocol

Kind = Literal["counter", "plateau", "cosine"]
"""What lowers the learning rate; ``advance`` explains each."""
Monitor = Literal["val_acc", "val_loss"]
"""The score by which an epoch is better than another."""


class Schedule(Protocol):
    """The settings of the recipe's ``[schedule]`` section."""

    @property
    def kind(self) -> Kind:
        """What lowers the learning rate."""

    @property
    def factor(self) -> float:
        """Multiplier of the learning rate at a decay of ``counter`` or ``plateau``, between 0 and 1."""

    @property
    def every(self) -> int:
        """Epochs without improvement between two decays of ``counter``."""

    @property
    def patience(self) -> int:
        """Epochs without improvement after which training stops."""

    @property
    def monitor(self) -> Monitor:
        """The score by which an epoch is better than another."""

    @property
    def plateau_patience(self) -> int:
        """Epochs without improvement that ``plateau`` tolerates before a decay."""

    @property
    def plateau_threshold(self) -> float:
        """Smallest relative decrease of the loss that counts as an improvement for ``plateau``."""


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """The state of a schedule between two epochs. ``best`` is None before the first epoch ends."""

    lr: float
    best: float | None = None
    best_epoch: int = 0
    counter: int = 0
    plateau_best: float | None = None
    plateau_bad_epochs: int = 0
    base_lr: float = 0.0
    """The recipe's ``optim.lr`` from which ``lr`` is derived; 0, unknown, in checkpoints of version 0.1.0."""

    def with_lr(self, lr: float) -> "ScheduleState":
        """Return the state with ``lr`` as the current and the recipe's rate; every schedule continues from it."""
        return replace(self, lr=lr, base_lr=lr)

    def lower(self, factor: float) -> "ScheduleState":
        """Return the state with the rate multiplied by ``factor``; every schedule continues from it."""
        return replace(self, lr=self.lr * factor)

    def rescaled(self, base_lr: float) -> "ScheduleState":
        """Return the state after an edit of ``optim.lr`` between two attempts: ``lr`` scaled by the same ratio."""
        if self.base_lr in (0, base_lr):
            return replace(self, base_lr=base_lr)
        return replace(self, lr=self.lr * (base_lr / self.base_lr), base_lr=base_lr)


@dataclass(frozen=True, slots=True)
class ScheduleDecision:
    """The decision at the end of an epoch. ``reason`` says in one line why the rate changes; empty: it doesn't."""

    new_best: bool
    stop: bool
    old_lr: float
    new_lr: float
    reason: str

    @property
    def decayed(self) -> bool:
        """Whether the learning rate changes."""
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
    """Return the next state and the decision after epoch ``epoch`` (1-based) of ``epochs``.

    ``val_acc`` is in percent, ``val_loss`` a mean cross-entropy. The schedule's ``monitor`` selects one of them. Only a
    strictly better score is a new best; NaN is never better. Early stopping is the same for every kind of schedule. The
    learning rate depends on the kind:

    * ``counter``: lr *= factor whenever the counter of epochs without a better score reaches a multiple of ``every``
      and training doesn't stop;
    * ``plateau``: torch's ReduceLROnPlateau on the validation loss, with a relative threshold and no cooldown;
    * ``cosine``: half a cosine towards 0 over ``epochs``, one value per epoch, by the recursion of torch's
      CosineAnnealingLR: each rate follows from the previous one. So the curve continues from a rate that was set,
      lowered or scaled, and after a change of ``epochs`` from its current value to the new last epoch. It never rises:
      extending a run that has almost decayed doesn't restore earlier rates.
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

    Both epochs are 1-based and at most ``epochs``. The curve would reach 0 in epoch ``epochs + 1``.
    """
    return lr * (_cosine(later, epochs) / _cosine(epoch, epochs))


def _cosine(epoch: int, epochs: int) -> float:
    """Return (1 + cos(pi * (epoch - 1) / epochs)) / 2, in a form without cancellation near its end."""
    return math.sin(math.pi * (epochs - epoch + 1) / (2 * epochs)) ** 2


def outlook(schedule: Schedule, state: ScheduleState, *, epoch: int, epochs: int) -> str:
    """Return one line about how the learning rate will change from ``epoch``, the current one, on."""
    if epoch >= epochs:
        return f"epoch {epochs} is the last"
    if schedule.kind == "cosine":
        last = cosine_lr(state.lr, epoch, epochs, epochs)
        return (
            f"the cosine curve goes on from {state.lr:.3g} in epoch {epoch} to {last:.3g} in epoch {epochs}"
        )
    if schedule.kind == "plateau":
        left, condition = schedule.plateau_patience + 1 - state.plateau_bad_epochs, "on a plateau of the loss"
    else:
        left, condition = schedule.every - state.counter % schedule.every, "without a better score"
        if state.counter + left >= schedule.patience:
            return "early stopping comes before the next decay"
    more = "1 more epoch" if left == 1 else f"{max(1, left)} more epochs"
    return f"the next decay, to {state.lr * schedule.factor:.3g}, comes after {more} {condition}"


def epochs_effect(schedule: Schedule, state: ScheduleState, *, epoch: int, before: int, after: int) -> str:
    """Return one line about what another number of epochs does to the learning rate; ``epoch`` is the current one."""
    if schedule.kind != "cosine":
        return f"the learning rate stays {state.lr:.3g}: {schedule.kind} doesn't depend on train.epochs"
    words = outlook(schedule, state, epoch=epoch, epochs=after)
    if epoch >= after:
        return f"the learning rate stays {state.lr:.3g}: {words}"
    if epoch >= before:
        return f"{words} and doesn't rise again; set optim.lr for a higher rate"
    later = min(before, after)
    old, new = (cosine_lr(state.lr, epoch, later, epochs) for epochs in (before, after))
    return f"{words}; in epoch {later} it is {new:.3g} instead of {old:.3g}"


def epochs_to_stop(schedule_patience: int, counter: int) -> int:
    """Return after how many more epochs without improvement training stops; 0 if it has stopped."""
    return max(0, schedule_patience - counter)
