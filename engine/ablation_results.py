"""What an ablation found: each arm's accuracy with its interval, and what each switch changes, seed by seed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.ablation import Experiment, Plan
from engine.compare import Entrant
from engine.events import EpochEnded
from engine.student import Mean, mean_of
from engine.table import Cell, table

FEW = 4

_RUNS = (
    "run", "arm", "seed", "state", "epochs", "best_epoch", "val_acc", "val_acc_low", "val_acc_high", "train_acc",
    "val_loss", "seconds",
)  # fmt: skip
_EFFECTS = (
    "experiment", "key", "value", "n", "without", "without_low", "without_high", "with", "with_low", "with_high",
    "difference", "difference_low", "difference_high",
)  # fmt: skip

Results = Mapping[tuple[str, int], Entrant]
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
