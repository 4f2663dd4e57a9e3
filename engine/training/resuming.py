"""Whether a checkpoint's plan of its epoch still holds for the images and the recipe as they are now.

A step counts images of a plan: the listing, who of it takes part, their order (``train.seed``), and how they are cut
into batches and groups of batches. With another plan, a step of the old one would pass over some images and take others
twice.
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
_SCORED = ("data.val_size", "data.pad")
"""What changes each score, whichever is monitored."""


def reconcile(
    progress: TrainState, recipe: Recipe, edits: Sequence[Edit], before: Listing | None, now: Listing,
    scanned: DatasetScanned | None,
) -> list[str]:  # fmt: skip
    """Have ``progress`` fit the plan of its epoch as it is now, and return what to warn of.

    An epoch whose plan has changed begins again, with the weights as they are; one whose steps were all made goes on
    to its validation. ``before`` is what the checkpoint knows of the images; None in one of an older version, of which
    only the numbers of images can be compared, as the journal's ``scanned`` has them.
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
                f"the plan of an epoch has changed: {plan}; epoch {epoch} has made its steps, the change applies "
                f"from epoch {epoch + 1} on"
            )
        else:
            progress.restart_epoch()
            many = "step that was trained stays" if step == 1 else "steps that were trained stay"
            warnings.append(
                f"the plan of epoch {epoch} has changed: {plan}; the epoch begins again. The {step:,} {many} in the "
                "weights, and the images of them are trained again"
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
    return f"{now:,} {split} images and no longer {before:,}" if now != before else ""


def _active(before: Listing, now: Listing) -> list[str]:
    more = int(np.count_nonzero(before.active & ~now.active))
    fewer = int(np.count_nonzero(now.active & ~before.active))
    parts = [f"{more:,} more excluded"] if more else []
    return parts + ([f"{fewer:,} excluded no longer"] if fewer else [])


def _steps(before: Listing, recipe: Recipe, edits: Sequence[Edit]) -> int:
    """Return how many steps the epoch had as it was planned."""
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
        f"and epoch {policy.best_epoch} stays the best until one scores higher"
    ]
