"""Ablations: the report's three experiments, each of which toggles one setting of the recipe, with several seeds.

A plan lists the runs. The results give each arm's accuracy with its interval, and the effect of each setting, paired by
seed.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import tomli_w
from pydantic import ValidationError

from engine.analysis.compare import RunSummary
from engine.analysis.stats import Mean, mean_of
from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.table import Cell, table
from engine.core.text import printable
from engine.journal.events import EpochEnded
from engine.recipe.recipe import Recipe, change, recipe_keys, value_of
from engine.run.directory import RunDir, folder_mode
from engine.run.lock import RunLock, StaleLockError

ExperimentName = Literal["outliers", "augmentation", "mixup"]
"""Name of an experiment."""
EXPERIMENTS: tuple[ExperimentName, ...] = get_args(ExperimentName)
"""All experiments, in the report's order."""
BASELINE = "baseline"
"""Name of the arm that trains the recipe unchanged."""
PLAN_FILE = "ablation.toml"
"""File in an ablation's folder that holds its plan."""

# Seconds. A program that checks whether the ablation is running holds its lock for a moment.
_PATIENCE = 0.2
_KEYS: dict[ExperimentName, str] = {
    "outliers": "outliers.method",
    "augmentation": "augment.enabled",
    "mixup": "mixup.alpha",
}


class Experiment(NamedTuple):
    """An experiment with two arms: the baseline, and the recipe with ``key`` toggled."""

    name: ExperimentName
    key: str
    without: str
    """The arm in which the setting is off. Its runs are named ``ARM-seedN``."""
    with_: str
    """The arm in which the setting is on."""
    value: str
    """Value of ``key`` in the arm in which it is on."""


class PlannedRun(NamedTuple):
    """One run of a plan."""

    arm: str
    seed: int
    recipe: Recipe

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return f"{self.arm}-seed{self.seed}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs of an ablation."""

    recipe: Recipe
    """The baseline, shared by all experiments."""
    names: tuple[ExperimentName, ...]
    """The experiments to run."""
    seeds: tuple[int, ...]
    """Values of ``train.seed``."""

    @property
    def experiments(self) -> list[Experiment]:
        """The experiments to run, with their arms."""
        return [_experiment(self.recipe, name) for name in self.names]

    @property
    def trainings(self) -> list[PlannedRun]:
        """All runs, grouped by seed, so that the arms can be compared as soon as one seed is finished."""
        arms = {BASELINE: self.recipe}
        for experiment in self.experiments:
            arm, value = _other(self.recipe, experiment.name)
            arms[arm] = change(self.recipe, experiment.key, value)
        return [
            PlannedRun(arm, seed, change(recipe, "train.seed", str(seed)))
            for seed in self.seeds
            for arm, recipe in arms.items()
        ]


def make_plan(recipe: Recipe, names: Sequence[ExperimentName], seeds: int) -> Plan:
    """Plan the experiments ``names`` on a recipe, with ``seeds`` consecutive seeds from the recipe's own.

    Raises UserError if ``seeds`` is below 1, if the recipe's outlier stage would change the data folder that the other
    runs use, or if a seed would exceed the largest one.
    """
    if seeds < 1:
        raise UserError(f"--seeds {seeds}: must be at least 1; use 3 or more to estimate the spread")
    if "outliers" in names or recipe.outliers.method != "none":
        _check_action(recipe)
    first = recipe.train.seed
    plan = Plan(
        recipe, tuple(name for name in EXPERIMENTS if name in names), tuple(range(first, first + seeds))
    )
    change(recipe, "train.seed", str(plan.seeds[-1]))
    return plan


def _check_action(recipe: Recipe) -> None:
    if recipe.outliers.action != "exclude":
        raise UserError(
            f"outliers.action={recipe.outliers.action} changes the images that the other runs train on; "
            "add --set outliers.action=exclude"
        )


def _is_on(recipe: Recipe, name: ExperimentName) -> bool:
    match name:
        case "outliers":
            return recipe.outliers.method != "none"
        case "augmentation":
            return recipe.augment.enabled
        case "mixup":
            return recipe.mixup.alpha > 0


def _other(recipe: Recipe, name: ExperimentName) -> tuple[str, str]:
    """Return the name of the experiment's other arm, and the value of its key."""
    if _is_on(recipe, name):
        return f"{name}-off", {"outliers": "none", "augmentation": "false", "mixup": "0"}[name]
    # The embedding needs a pretrained backbone; without one, the report's method is used.
    method = "embedding" if recipe.model.pretrained else "autoencoder"
    return f"{name}-on", {"outliers": method, "augmentation": "true", "mixup": "0.5"}[name]


def _experiment(recipe: Recipe, name: ExperimentName) -> Experiment:
    arm, value = _other(recipe, name)
    key = _KEYS[name]
    if _is_on(recipe, name):
        return Experiment(name, key, without=arm, with_=BASELINE, value=value_of(recipe, key))
    return Experiment(name, key, without=BASELINE, with_=arm, value=value)


def begin(folder: Path, plan: Plan) -> RunLock:
    """Create an ablation's folder if needed, lock it, write the plan, and return the lock.

    The lock is the same as a run's: ``RunDir(folder).is_alive()`` tells whether the ablation is running. Raises
    UserError if another program holds it, OSError if the folder can't be written.
    """
    folder.mkdir(mode=folder_mode(plan.recipe.train.share), parents=True, exist_ok=True)
    try:
        lock = RunDir(folder).lock(_PATIENCE)
    except UserError as error:
        if not (isinstance(error, StaleLockError) or RunDir(folder).is_alive()):
            raise
        where = f"ablation {printable(folder.name)} in {printable(str(folder.parent))}"
        raise UserError(f"{where} is already running; stop it, or choose another --name") from error
    try:
        os.ftruncate(lock.fd, 0)  # until the program writes its own id, it must not name a dead one
        save_plan(folder, plan)
    except BaseException:
        lock.release()
        raise
    return lock


def save_plan(folder: Path, plan: Plan) -> None:
    """Write the plan to the ablation's folder, which is created if needed. Raises OSError."""
    folder.mkdir(mode=folder_mode(plan.recipe.train.share), parents=True, exist_ok=True)
    table = {
        "experiments": list(plan.names),
        "seeds": list(plan.seeds),
        "recipe": plan.recipe.model_dump(mode="json"),
    }
    replace_file(folder / PLAN_FILE, tomli_w.dumps(table).encode())


def load_plan(folder: Path) -> Plan | None:
    """Return the plan of an ablation's folder, None if the folder doesn't exist.

    Raises UserError if the folder is not an ablation's, or if the plan can't be read.
    """
    path = folder / PLAN_FILE
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        recipe = Recipe.model_validate(table["recipe"])
        names = tuple(name for name in EXPERIMENTS if name in table["experiments"])
        return Plan(recipe, names, tuple(int(seed) for seed in table["seeds"]))
    except FileNotFoundError:
        if not folder.exists():
            return None
        raise UserError(
            f"{printable(str(folder))} exists and is not an ablation; choose another --name"
        ) from None
    except (
        OSError,
        ValidationError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        RecursionError,
    ):
        raise UserError(f"{printable(str(path))} can't be read; choose another --name") from None


def check_goes_on(folder: Path, plan: Plan) -> None:
    """Raise UserError unless ``plan`` can start in ``folder``, or resume or extend the ablation there.

    More seeds and other experiments extend an ablation; its recipe must be the same.
    """
    saved = load_plan(folder)
    if saved is not None:
        where = f"ablation {printable(folder.name)} in {printable(str(folder.parent))}"
        _check_same(saved.recipe, plan.recipe, where)
    for training in plan.trainings:
        run = RunDir(folder / training.name)
        if run.recipe.exists() and _text(run.recipe) != training.recipe.to_toml():
            raise UserError(
                f"run {printable(str(run.path))} was created with another recipe; choose another --name"
            )


def _check_same(saved: Recipe, wanted: Recipe, where: str) -> None:
    other = [key for key in recipe_keys() if value_of(saved, key) != value_of(wanted, key)]
    if other:
        listed = ", ".join(f"{key} = {printable(value_of(saved, key), 60)}" for key in other[:4])
        more = f" and {len(other) - 4} more" if len(other) > 4 else ""
        raise UserError(f"{where} has another recipe ({listed}{more}); choose another --name")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


FEW = 4
"""With fewer seeds than this, only large effects can be detected."""

_RUNS = (
    "run", "arm", "seed", "state", "epochs", "best_epoch", "val_acc", "val_acc_low", "val_acc_high", "train_acc",
    "val_loss", "seconds",
)  # fmt: skip
_EFFECTS = (
    "experiment", "key", "value", "n", "without", "without_low", "without_high", "with", "with_low", "with_high",
    "difference", "difference_low", "difference_high",
)  # fmt: skip

Results = Mapping[tuple[str, int], RunSummary]
"""Runs by (arm, seed)."""


class Effect(NamedTuple):
    """Result of one experiment: means over the seeds for which both arms have an epoch."""

    experiment: Experiment
    without: Mean
    """Best validation accuracy, in percent."""
    with_: Mean
    """Best validation accuracy, in percent."""
    difference: Mean
    """``with_`` - ``without``, paired by seed, in percentage points."""


def effects(plan: Plan, results: Results) -> list[Effect]:
    """Return the effect of each experiment that has at least one seed for which both arms have an epoch."""
    found = []
    for experiment in plan.experiments:
        pairs = [
            (off.val_acc, on.val_acc)
            for seed in plan.seeds
            if (off := _best(results, experiment.without, seed)) is not None
            and (on := _best(results, experiment.with_, seed)) is not None
        ]
        if pairs:
            found.append(
                Effect(
                    experiment,
                    mean_of([off for off, _ in pairs]),
                    mean_of([on for _, on in pairs]),
                    mean_of([on - off for off, on in pairs]),
                )
            )
    return found


def verdict(effect: Effect) -> str:
    """Return a sentence on whether the difference is more than chance, given the number of seeds."""
    low, high, n = effect.difference.low, effect.difference.high, effect.difference.n
    if low is None or high is None:
        return "one seed: no confidence interval; use --seeds 3 or more"
    few = f"; {n} seeds show only large effects" if n < FEW else ""
    if low <= 0 <= high:
        return f"no effect shown: the interval contains 0{few}"
    return f"{'better' if low > 0 else 'worse'} with it, by more than the seeds' spread"


def epoch_means(runs: Sequence[Sequence[EpochEnded]], value: str) -> list[Mean]:
    """Return the mean of field ``value`` of ``EpochEnded`` for each epoch that all runs reached."""
    shortest = min((len(epochs) for epochs in runs), default=0)
    return [mean_of([getattr(epochs[at], value) for epochs in runs]) for at in range(shortest)]


def runs_csv(plan: Plan, results: Results) -> str:
    """Return a CSV table with a row for each run that has a best epoch; accuracies in percent."""
    rows: list[Sequence[Cell]] = []
    for training in plan.trainings:
        one = results.get((training.arm, training.seed))
        if one is not None and (best := one.best) is not None:
            low, high = one.interval or ("", "")
            rows.append(
                (
                    training.name, training.arm, training.seed, one.status, len(one.epochs), best.epoch, best.val_acc,
                    low, high, best.train_acc, best.val_loss, one.seconds,
                )
            )  # fmt: skip
    return table(_RUNS, rows)


def effects_csv(found: Sequence[Effect]) -> str:
    """Return a CSV table with a row for each effect: means over ``n`` seeds with 95 % intervals, empty for one seed."""
    return table(
        _EFFECTS,
        [
            (
                one.experiment.name, one.experiment.key, one.experiment.value, one.difference.n,
                *_cells(one.without), *_cells(one.with_), *_cells(one.difference),
            )
            for one in found
        ],
    )  # fmt: skip


def _cells(mean: Mean) -> tuple[Cell, Cell, Cell]:
    return mean.mean, "" if mean.low is None else mean.low, "" if mean.high is None else mean.high


def _best(results: Results, arm: str, seed: int) -> EpochEnded | None:
    one = results.get((arm, seed))
    return one.best if one is not None else None
