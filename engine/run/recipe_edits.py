"""Edits of ``recipe.toml`` between two attempts at a run: find them, and refuse those that a run can't take.

An edit that isn't refused takes effect at the first step of the attempt.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import UserError
from engine.core.text import printable, shell_word
from engine.journal.events import BY_HAND, RunStarted
from engine.journal.state import RunState
from engine.recipe.recipe import Recipe, values_of
from engine.run.directory import RunDir
from engine.run.train_state import TrainState

_START = ("model.name", "model.pretrained", "model.weights")


@dataclass(frozen=True, slots=True)
class Edit:
    """The value of one key before and after, formatted as by ``engine.recipe.recipe.value_of``."""

    key: str
    old: str
    new: str
    was_set: bool = False
    """Whether ``new`` was set by a command, after the checkpoint was saved."""

    def __str__(self) -> str:
        return f"{self.key} {_value(self.old)} -> {_value(self.new)}"


def find_edits(
    recipe: Recipe, before: RunState, progress: TrainState | None, skip: Collection[str] = ()
) -> list[Edit]:
    """Return the differences between ``recipe`` and the recipe in force at the checkpoint ``progress``.

    Without a checkpoint, compares with the previous attempt's recipe in the journal ``before``; for a run of an older
    version, only the keys in its ``run_started``. ``skip`` are keys changed by a command whose values are not yet in
    ``recipe.toml``.
    """
    if progress is None:
        known = _recorded(before, before.started)
    else:  # a checkpoint without a recipe is of an attempt that recorded none
        known = progress.recipe or _recorded(before, before.started_unrecorded)
    if progress.recipe if progress is not None else before.started and before.started.recipe:
        known = values_of(Recipe()) | known  # keys that the version before didn't have yet
    was_set = {setting.key: setting.new for setting in before.settings if setting.by != BY_HAND}.items()
    return [
        Edit(key, known[key], new, was_set=(key, new) in was_set)
        for key, new in values_of(recipe).items()
        if key in known and known[key] != new and key not in skip
    ]


def refuse_edits(
    edits: list[Edit], run: RunDir, recipe: Recipe, before: RunState, progress: TrainState | None
) -> None:
    """Raise UserError naming all ``edits`` that a run can't take once it has begun, and the alternatives."""
    reasons = [
        f"{edit}: {reason}" for edit in edits for reason in _reasons(edit, run, recipe, before, progress)
    ]
    if reasons:
        again = f"vrdl-tui train DATA --recipe {shell_word(str(run.recipe))}"
        many = "these back" if len(reasons) > 1 else "it back"
        raise UserError(
            f"recipe.toml was edited; {'; '.join(reasons)}. Put {many} and resume, or start a new run: {again}"
        )


def _reasons(
    edit: Edit, run: RunDir, recipe: Recipe, before: RunState, progress: TrainState | None
) -> Iterator[str]:
    key, scored = edit.key, bool(before.outliers.thresholds) or before.outliers.done is not None
    if key in _START and progress is not None:
        yield f"the checkpoint holds the weights of another {'model' if key == 'model.name' else 'start'}"
    elif key == "schedule.monitor" and progress is not None and progress.policy.best_epoch:
        yield f"the best epoch so far, {progress.policy.best_epoch}, was chosen by {edit.old}"
    elif key == "data.val" and bool(edit.old) != bool(edit.new) and (progress or run.split.exists()):
        yield "the split into training and validation images is fixed once the run has begun"
    elif key in ("data.val_fraction", "data.group") and not recipe.data.val and run.split.exists():
        yield f"the split is recorded in {run.split.name}"
    elif key == "data.duplicates" and (progress or run.split.exists()):
        yield "the training images are fixed once the run has begun"
    elif key.startswith("outliers.") and scored:
        yield "the outlier stage has already set its thresholds"
    elif key == "train.epochs" and progress is not None and progress.stopped:
        if progress.policy.counter >= recipe.schedule.patience:
            yield "the run has stopped early; raise schedule.patience too"
    elif key == "train.epochs" and progress is not None and progress.step:
        if recipe.train.epochs < progress.epoch:
            yield f"epoch {progress.epoch} has begun"
    elif key == "train.share":
        mode = "g+rX" if recipe.train.share == "group" else "go-rwx"
        yield f"the run's files keep their permissions; change them with: chmod -R {mode} {_quoted(run.path)}"


def _recorded(before: RunState, started: RunStarted | None) -> dict[str, str]:
    """Return the recipe's values as recorded in the journal by and since an attempt; 0.1.0 recorded only some."""
    if started is None:
        return {}
    known = dict(started.recipe) or _from_fields(started)
    # The rate of a resumed attempt is the checkpoint's, not the recipe's.
    since = 0 if not started.recipe and started.resumed_epoch else started.seq
    for setting in before.settings:
        if setting.seq > started.seq or (setting.key == "optim.lr" and setting.seq > since):
            known[setting.key] = setting.new
    return known


def _from_fields(started: RunStarted) -> dict[str, str]:
    values: dict[str, object] = {
        "model.name": started.model,
        "data.train": started.data,
        "data.batch_size": started.batch_size,
        "data.train_size": started.train_size,
        "data.val_size": started.val_size,
        "train.epochs": started.epochs,
        "train.seed": started.seed,
        "schedule.kind": started.schedule,
        "schedule.factor": started.factor,
        "schedule.every": started.every,
        "schedule.patience": started.patience,
        "schedule.monitor": started.monitor,
        "mixup.alpha": started.mixup_alpha,
        "outliers.method": started.outliers,
    }
    if not started.resumed_epoch:
        values["optim.lr"] = started.lr
    return {key: str(value) for key, value in values.items()}


def _value(text: str) -> str:
    return printable(text, 200) or '""'


def _quoted(path: Path) -> str:
    return shell_word(str(path))
