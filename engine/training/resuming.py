"""Check whether the epoch of a checkpoint can be resumed at its step with the current images and recipe.

A step number is a position in the epoch's plan: the training images, those excluded, their order (``train.seed``), and
their division into batches and groups of batches. If the plan has changed, resuming at that step would skip some images
and repeat others.
"""

from collections.abc import Sequence

import numpy as np

from engine.data.listing import Listing, difference
from engine.data.order import train_batches
from engine.journal.events import DatasetScanned
from engine.recipe.recipe import Recipe
from engine.run.recipe_edits import Edit
from engine.run.train_state import TrainState

_PLAN = ("data.batch_size", "train.seed", "optim.grad_accum_steps")
"""Keys that change the plan of an epoch."""
_SCORED = ("data.val_size", "data.pad")
"""Keys that change the validation scores, whichever is monitored."""


def reconcile(
    progress: TrainState, recipe: Recipe, edits: Sequence[Edit], before: Listing | None, now: Listing,
    scanned: DatasetScanned | None,
) -> list[str]:  # fmt: skip
    """Adapt ``progress`` to the epoch's current plan, and return the warnings to emit.

    An epoch whose plan has changed begins again, with the weights as they are; if all its steps were done, it continues
    with its validation, except from a checkpoint of version 0.1.0. ``before`` is the checkpoint's list of images, None
    in a checkpoint of version 0.1.0: then only the numbers of images are compared, with those in the journal's
    ``scanned``.
    """
    train, val = _changes(before, now, scanned)
    reasons = [str(edit) for edit in edits if edit.key in _PLAN] + ([train] if train else [])
    if before is not None and not train:
        reasons += _active(before, now)
    warnings = []
    epoch, step = progress.epoch, progress.step
    if step and reasons and not progress.cut:
        plan = ", ".join(reasons)
        if before is not None and step == _steps(before, recipe, edits):
            progress.cut = True
            warnings.append(
                f"the plan of an epoch has changed: {plan}; epoch {epoch} has finished training, so the change applies "
                f"from epoch {epoch + 1} on"
            )
        else:
            progress.restart_epoch()
            many = "step that was trained stays" if step == 1 else "steps that were trained stay"
            warnings.append(
                f"the plan of epoch {epoch} has changed: {plan}; the epoch begins again. The {step:,} {many} in the "
                "weights, and their images are trained on again"
            )
    elif train:
        first = epoch + (step > 0)
        warnings.append(
            f"the training images have changed since the checkpoint: {train}; used from epoch {first} on"
        )
    return warnings + _scores(progress, recipe, edits, val)


def _changes(before: Listing | None, now: Listing, scanned: DatasetScanned | None) -> tuple[str, str]:
    if before is not None:
        return (
            difference(before.train, now.train, "training image"),
            difference(before.val, now.val, "validation image"),
        )
    if scanned is None:
        return "", ""
    return (
        _counts(scanned.train_images, len(now.train), "training"),
        _counts(scanned.val_images, len(now.val), "validation"),
    )


def _counts(before: int, now: int, split: str) -> str:
    return f"{now:,} {split} images instead of {before:,}" if now != before else ""


def _active(before: Listing, now: Listing) -> list[str]:
    more = int(np.count_nonzero(before.active & ~now.active))
    fewer = int(np.count_nonzero(now.active & ~before.active))
    parts = [f"{more:,} more excluded"] if more else []
    return parts + ([f"{fewer:,} no longer excluded"] if fewer else [])


def _steps(before: Listing, recipe: Recipe, edits: Sequence[Edit]) -> int:
    """Return the number of steps in the checkpoint's plan of the epoch."""
    size = next((int(edit.old) for edit in edits if edit.key == "data.batch_size"), recipe.data.batch_size)
    return len(train_batches(int(np.count_nonzero(before.active)), size, seed=0, epoch=1))


def _scores(progress: TrainState, recipe: Recipe, edits: Sequence[Edit], val: str) -> list[str]:
    policy = progress.policy
    scored = (*_SCORED, "optim.label_smoothing") if recipe.schedule.monitor == "val_loss" else _SCORED
    reasons = ([val] if val else []) + [str(edit) for edit in edits if edit.key in scored]
    if not reasons or not policy.best_epoch:
        return [f"the validation images have changed since the checkpoint: {val}"] if val else []
    return [
        f"validation has changed: {', '.join(reasons)}; scores from now on can't be compared with the earlier ones, "
        f"and epoch {policy.best_epoch} stays the best until another scores higher"
    ]
