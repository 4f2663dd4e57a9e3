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
class PolicyState:
    """What the rule remembers between two epochs. ``best`` is None before the first epoch ends."""

    lr: float
    best: float | None = None
    best_epoch: int = 0
    counter: int = 0
    plateau_best: float | None = None
    plateau_bad_epochs: int = 0
    lowered: float = 1.0
    """By what the whole schedule is lowered."""

    def with_lr(self, lr: float) -> "PolicyState":
        return replace(self, lr=lr, lowered=1.0)

    def lower(self, factor: float) -> "PolicyState":
        """Lower the learning rate, and what a schedule makes of it from now on."""
        return replace(self, lr=self.lr * factor, lowered=self.lowered * factor)


@dataclass(frozen=True, slots=True)
class Verdict:
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
    state: PolicyState,
    *,
    epoch: int,
    epochs: int,
    base_lr: float,
    val_acc: float,
    val_loss: float,
) -> tuple[PolicyState, Verdict]:
    """Judge epoch ``epoch`` (1-based) of ``epochs`` and return the next state with its verdict.

    ``val_acc`` is in percent, ``val_loss`` a mean cross-entropy; which one is monitored is the schedule's
    choice, and only a strictly better score is a new best. A NaN is never better. The early-stop counter
    works the same for every kind of schedule; the learning rate changes by the kind:

    * ``counter``: at each multiple of ``every`` that the counter reaches without stopping, lr *= factor;
    * ``plateau``: torch's ReduceLROnPlateau on the validation loss, relative threshold, no cooldown;
    * ``cosine``: half a cosine from ``base_lr`` towards 0 over ``epochs``, one value an epoch.
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
        lr = state.lowered * base_lr * (1 + math.cos(math.pi * epoch / epochs)) / 2
        reason = f"cosine, epoch {epoch + 1} of {epochs}"
    return replace(after, lr=lr), Verdict(new_best, stop, state.lr, lr, reason if lr != state.lr else "")


def _negated(value: float | None) -> float | None:
    return None if value is None else -value


def _plateau(schedule: Schedule, state: PolicyState, val_loss: float) -> tuple[PolicyState, float, str]:
    best = state.plateau_best
    if not math.isnan(val_loss) and (best is None or val_loss < best * (1 - schedule.plateau_threshold)):
        return replace(state, plateau_best=val_loss, plateau_bad_epochs=0), state.lr, ""
    bad_epochs = state.plateau_bad_epochs + 1
    if bad_epochs <= schedule.plateau_patience:
        return replace(state, plateau_bad_epochs=bad_epochs), state.lr, ""
    reason = f"validation loss on a plateau for {bad_epochs} epochs"
    return replace(state, plateau_bad_epochs=0), state.lr * schedule.factor, reason


def epochs_to_stop(schedule_patience: int, counter: int) -> int:
    """Return how many more epochs without a better score end the run (0: it has ended)."""
    return max(0, schedule_patience - counter)
