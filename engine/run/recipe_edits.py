"""A recipe that was edited by hand between two attempts at a run: what was changed, and what a run refuses.

Each key that isn't refused here takes effect from the attempt's first step on.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import UserError
from engine.core.text import printable, shell_word
from engine.journal.events import BY_HAND, RunStarted
from engine.journal.state import RunState
from engine.recipe.recipe import Recipe, load_recipe, values_of
from engine.run.directory import RunDir
from engine.run.train_state import TrainState, peek

_START = ("model.name", "model.pretrained", "model.weights")


@dataclass(frozen=True, slots=True)
class Edit:
    """One key's value before and after, as ``engine.recipe.recipe.value_of`` prints it."""

    key: str
    old: str
    new: str
    was_set: bool = False
    """Whether ``new`` is what a command had set: the checkpoint is older than that."""

    def __str__(self) -> str:
        return f"{self.key} {_value(self.old)} -> {_value(self.new)}"


def find_edits(
    recipe: Recipe, before: RunState, progress: TrainState | None, skip: Collection[str] = ()
) -> list[Edit]:
    """Return in what ``recipe`` differs from the one that was in force at the checkpoint ``progress``.

    Without a checkpoint it is compared with the recipe of the attempt before, of which the journal ``before`` tells;
    of an older version's run, only the keys that its ``run_started`` names. ``skip`` are keys that a command changed
    which is still to be written into ``recipe.toml``.
    """
    known = progress.recipe if progress is not None and progress.recipe else _told(before)
    was_set = {setting.key: setting.new for setting in before.settings if setting.by != BY_HAND}.items()
    return [
        Edit(key, known[key], new, was_set=(key, new) in was_set)
        for key, new in values_of(recipe).items()
        if key in known and known[key] != new and key not in skip
    ]


def refuse_edits(
    edits: list[Edit], run: RunDir, recipe: Recipe, before: RunState, progress: TrainState | None
) -> None:
    """Raise UserError naming all ``edits`` that a run can't take once it has begun, and what does it instead."""
    reasons = [
        f"{edit}: {reason}" for edit in edits for reason in _reasons(edit, run, recipe, before, progress)
    ]
    if reasons:
        again = f"vrdl-tui train DATA --recipe {shell_word(str(run.recipe))}"
        many = "these back" if len(reasons) > 1 else "it back"
        raise UserError(
            f"recipe.toml was edited; {'; '.join(reasons)}. Put {many} and resume, or start a new run: {again}"
        )


def check_edits(run: RunDir, before: RunState) -> list[Edit]:
    """Return what was edited, before an engine is started; what else is wrong with the run the engine reports.

    Raises UserError as ``refuse_edits``.
    """
    try:
        recipe, progress = load_recipe(run.recipe), peek(run.checkpoints)
    except UserError:
        return []
    edits = find_edits(recipe, before, progress)
    refuse_edits(edits, run, recipe, before, progress)
    return edits


def _reasons(
    edit: Edit, run: RunDir, recipe: Recipe, before: RunState, progress: TrainState | None
) -> Iterator[str]:
    key, judged = edit.key, bool(before.outliers.thresholds) or before.outliers.done is not None
    if key in _START and progress is not None:
        yield f"the checkpoint holds the weights of another {'model' if key == 'model.name' else 'start'}"
    elif key == "schedule.monitor" and progress is not None and progress.policy.best_epoch:
        yield f"the best epoch so far, {progress.policy.best_epoch}, was chosen by {edit.old}"
    elif key == "data.val" and bool(edit.old) != bool(edit.new) and (progress or run.split.exists()):
        yield "the split into training and validation images stays as the run began"
    elif key == "data.val_fraction" and not recipe.data.val and run.split.exists():
        yield f"the split is recorded in {run.split.name}"
    elif key.startswith("outliers.") and judged:
        yield "the outlier stage has judged its classes"
    elif key == "train.epochs" and progress is not None and progress.step:
        if recipe.train.epochs < progress.epoch:
            yield f"epoch {progress.epoch} is under way"
    elif key == "train.share":
        mode = "g+rX" if recipe.train.share == "group" else "go-rwx"
        yield f"the run's files have their permissions; change them with: chmod -R {mode} {_quoted(run.path)}"


def _told(before: RunState) -> dict[str, str]:
    """Return the recipe's values as the journal tells them, of older versions only some."""
    started = before.started
    if started is None:
        return {}
    known = dict(started.recipe) or _named(started)
    # The rate of a resumed attempt is that of its checkpoint, not the recipe's.
    since = 0 if not started.recipe and started.resumed_epoch else started.seq
    for setting in before.settings:
        if setting.seq > started.seq or (setting.key == "optim.lr" and setting.seq > since):
            known[setting.key] = setting.new
    return known


def _named(started: RunStarted) -> dict[str, str]:
    named: dict[str, object] = {
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
        named["optim.lr"] = started.lr
    return {key: str(value) for key, value in named.items()}


def _value(text: str) -> str:
    return printable(text, 200) or '""'


def _quoted(path: Path) -> str:
    return shell_word(str(path))
