"""An ablation: the report's three experiments, each a switch of the recipe run with several seeds.

The plan says which runs there are; the results give each arm's accuracy with its interval, and what each switch
changes, seed by seed.
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
EXPERIMENTS: tuple[ExperimentName, ...] = get_args(ExperimentName)
BASELINE = "baseline"
PLAN_FILE = "ablation.toml"

# Who asks whether an ablation is under way holds its lock for an instant.
_PATIENCE = 0.2
_KEYS: dict[ExperimentName, str] = {
    "outliers": "outliers.method",
    "augmentation": "augment.enabled",
    "mixup": "mixup.alpha",
}


class Experiment(NamedTuple):
    """One of its two arms is the recipe itself; the other is the recipe with ``key`` switched."""

    name: ExperimentName
    key: str
    without: str
    """The arm that does without: its runs are ``ARM-seedN``."""
    with_: str
    value: str
    """What ``key`` is in the arm that has it."""


class PlannedRun(NamedTuple):
    """One run of the plan."""

    arm: str
    seed: int
    recipe: Recipe

    @property
    def name(self) -> str:
        return f"{self.arm}-seed{self.seed}"


@dataclass(frozen=True, slots=True)
class Plan:
    """``recipe`` is the baseline, which every experiment shares; ``seeds`` are values of train.seed."""

    recipe: Recipe
    names: tuple[ExperimentName, ...]
    seeds: tuple[int, ...]

    @property
    def experiments(self) -> list[Experiment]:
        return [_experiment(self.recipe, name) for name in self.names]

    @property
    def trainings(self) -> list[PlannedRun]:
        """Every run, seed by seed: whenever one seed is through, its arms can be compared."""
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
    """Plan the experiments on a recipe, with ``seeds`` seeds from the recipe's own one up.

    Raises UserError for no seeds, for a recipe whose outlier stage would change the data folder under the
    other runs, and for seeds beyond the largest.
    """
    if seeds < 1:
        raise UserError(f"--seeds {seeds}: at least one; three or more say something of the spread")
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
    """Return the arm beside the baseline, and what its key is set to."""
    if _is_on(recipe, name):
        return f"{name}-off", {"outliers": "none", "augmentation": "false", "mixup": "0"}[name]
    # The embedding needs a pretrained backbone; else it is the report's own method.
    method = "embedding" if recipe.model.pretrained else "autoencoder"
    return f"{name}-on", {"outliers": method, "augmentation": "true", "mixup": "0.5"}[name]


def _experiment(recipe: Recipe, name: ExperimentName) -> Experiment:
    arm, value = _other(recipe, name)
    key = _KEYS[name]
    if _is_on(recipe, name):
        return Experiment(name, key, without=arm, with_=BASELINE, value=value_of(recipe, key))
    return Experiment(name, key, without=BASELINE, with_=arm, value=value)


def begin(folder: Path, plan: Plan) -> RunLock:
    """Take an ablation's folder, made if need be, for one program, and write the plan into it.

    The lock is a run's: ``RunDir(folder).is_alive()`` says whether the ablation is under way. Raises UserError
    when another program has it, OSError where the folder can't be written.
    """
    folder.mkdir(mode=folder_mode(plan.recipe.train.share), parents=True, exist_ok=True)
    try:
        lock = RunDir(folder).lock(_PATIENCE)
    except UserError as error:
        if not (isinstance(error, StaleLockError) or RunDir(folder).is_alive()):
            raise
        where = f"ablation {printable(folder.name)} in {printable(str(folder.parent))}"
        raise UserError(f"{where} is under way already; stop it, or choose another --name") from error
    try:
        os.ftruncate(lock.fd, 0)  # until its program has put itself in, it names nobody who is gone
        save_plan(folder, plan)
    except BaseException:
        lock.release()
        raise
    return lock


def save_plan(folder: Path, plan: Plan) -> None:
    """Write the plan into the ablation's folder, which is made if need be. Raises OSError."""
    folder.mkdir(mode=folder_mode(plan.recipe.train.share), parents=True, exist_ok=True)
    table = {
        "experiments": list(plan.names),
        "seeds": list(plan.seeds),
        "recipe": plan.recipe.model_dump(mode="json"),
    }
    replace_file(folder / PLAN_FILE, tomli_w.dumps(table).encode())


def load_plan(folder: Path) -> Plan | None:
    """Return the plan of an ablation's folder; None where there is nothing yet.

    Raises UserError when the folder is something else, or the plan can't be read.
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
            f"{printable(str(folder))} exists and is no ablation; choose another --name"
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
    """Raises UserError unless ``plan`` begins in ``folder`` or goes on with what is there.

    More seeds and other experiments on the same recipe go on; another recipe doesn't.
    """
    saved = load_plan(folder)
    if saved is not None:
        where = f"ablation {printable(folder.name)} in {printable(str(folder.parent))}"
        _check_same(saved.recipe, plan.recipe, where)
    for training in plan.trainings:
        run = RunDir(folder / training.name)
        if run.recipe.exists() and _text(run.recipe) != training.recipe.to_toml():
            raise UserError(
                f"run {printable(str(run.path))} was made by another recipe; choose another --name"
            )


def _check_same(saved: Recipe, wanted: Recipe, where: str) -> None:
    other = [key for key in recipe_keys() if value_of(saved, key) != value_of(wanted, key)]
    if other:
        told = ", ".join(f"{key} = {printable(value_of(saved, key), 60)}" for key in other[:4])
        more = f" and {len(other) - 4} more" if len(other) > 4 else ""
        raise UserError(f"{where} has another recipe ({told}{more}); choose another --name")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


FEW = 4

_RUNS = (
    "run", "arm", "seed", "state", "epochs", "best_epoch", "val_acc", "val_acc_low", "val_acc_high", "train_acc",
    "val_loss", "seconds",
)  # fmt: skip
_EFFECTS = (
    "experiment", "key", "value", "n", "without", "without_low", "without_high", "with", "with_low", "with_high",
    "difference", "difference_low", "difference_high",
)  # fmt: skip

Results = Mapping[tuple[str, int], RunSummary]
"""Runs by arm and seed."""


class Effect(NamedTuple):
    """Best validation accuracies, percent, and the difference with - without of the same seeds, in points."""

    experiment: Experiment
    without: Mean
    with_: Mean
    difference: Mean


def effects(plan: Plan, results: Results) -> list[Effect]:
    """Return what each experiment found; one without a seed whose two runs both have an epoch is left out."""
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
    """Say what the difference is worth, with the number of seeds in mind."""
    low, high, n = effect.difference.low, effect.difference.high, effect.difference.n
    if low is None or high is None:
        return "one seed: nothing can be said of chance; give --seeds 3 or more"
    few = f"; {n} seeds show only large effects" if n < FEW else ""
    if low <= 0 <= high:
        return f"no effect shown: the interval holds 0{few}"
    return f"{'better' if low > 0 else 'worse'} with it, by more than the seeds' spread"


def epoch_means(runs: Sequence[Sequence[EpochEnded]], value: str) -> list[Mean]:
    """Return the mean of a field of ``EpochEnded`` at each epoch that all of the runs reached."""
    shortest = min((len(epochs) for epochs in runs), default=0)
    return [mean_of([getattr(epochs[at], value) for epochs in runs]) for at in range(shortest)]


def runs_csv(plan: Plan, results: Results) -> str:
    """Return a row for each run: accuracies in percent, of its best epoch."""
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
    """Return a row for each experiment: means over ``n`` seeds with their 95 % intervals, empty for one seed."""
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
