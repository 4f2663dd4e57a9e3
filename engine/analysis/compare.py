"""Runs side by side: their best figures, how their recipes differ, and whether a difference is more than noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from pathlib import Path
from typing import Literal, NamedTuple

from engine.analysis.predictions import read_judged
from engine.analysis.stats import holm, mcnemar, wilson
from engine.core.errors import UserError
from engine.journal.events import EpochEnded, SettingChanged
from engine.journal.index import History
from engine.journal.log import JournalReader
from engine.journal.state import RunState, Status, SteeringHistory
from engine.recipe.recipe import load_recipe, recipe_keys, value_of
from engine.run.directory import RunDir

FEWEST, MOST = 2, 12
ALPHA = 0.05

Method = Literal["images", "intervals", "none"]


class Answer(NamedTuple):
    """What the best weights made of a validation image: its class, and whether they took it for that."""

    label: str
    right: bool


@dataclass(frozen=True, slots=True, eq=False)
class RunSummary:
    """A run as a comparison sees it, equal to itself only.

    ``planned`` is its greatest number of epochs, 0 while unknown.
    """

    path: Path
    name: str
    status: Status
    model: str
    data: str
    planned: int
    monitor: str
    best_epoch: int
    """The epoch whose weights are kept; 0 before the first has ended."""
    epochs: tuple[EpochEnded, ...]
    val_images: int
    """0 while unknown."""
    recipe: Mapping[str, str]
    """Values by dotted key, empty where the recipe can't be read; a value that was changed while the run went
    on has the change behind it."""
    steered: SteeringHistory
    answers: Mapping[str, Answer]
    """By the image's path; empty where ``why_no_answers`` says so."""
    why_no_answers: str

    @property
    def best(self) -> EpochEnded | None:
        """The epoch whose weights are kept."""
        return next((epoch for epoch in self.epochs if epoch.epoch == self.best_epoch), None)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the best epoch's validation accuracy, percent; None while it can't be known."""
        best = self.best
        if best is None:
            return None
        if best.val_acc_low is not None and best.val_acc_high is not None:
            return best.val_acc_low, best.val_acc_high
        images = len(self.answers) or self.val_images
        return wilson(round(best.val_acc * images / 100), images) if images else None

    @property
    def seconds(self) -> float:
        """How long its epochs took in all: without start, pauses and interruptions."""
        return fsum(epoch.seconds for epoch in self.epochs)


class Difference(NamedTuple):
    """A key of the recipe that isn't the same in all runs, with one value for each run; "" where unknown."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """A run against the best one.

    ``images``: McNemar's exact test on the images that both judged, ``intervals``: only whether the two 95 %
    intervals are apart, ``none``: no figures yet.
    """

    method: Method
    differs: bool | None
    """Whether the difference is more than noise (corrected p < 0.05); None where nothing can be said."""
    images: int = 0
    best_only: int = 0
    """Images that the best run alone has right."""
    other_only: int = 0
    p: float | None = None
    corrected: float | None = None
    """``p`` by Holm's correction for all the tests of the comparison."""
    why: str = ""
    """Why the two aren't compared image by image."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Equal to itself only: the lists of judged images are long."""

    entrants: tuple[RunSummary, ...]
    best: int | None
    """The position of the run with the highest validation accuracy at its best epoch, of equals the lower loss."""
    differences: tuple[Difference, ...]
    tests: tuple[Test | None, ...]
    """One for each run; None for the best one itself, and for all while there is none."""

    @property
    def corrected(self) -> bool:
        """Whether there was more than one test, so that Holm's correction changes something."""
        return sum(test is not None and test.p is not None for test in self.tests) > 1


def check_number(runs: int) -> None:
    """Raises UserError unless so many runs can be compared."""
    if not FEWEST <= runs <= MOST:
        raise UserError(f"{FEWEST} to {MOST} runs are compared, not {runs}; vrdl-tui runs lists them")


def compare(entrants: Sequence[RunSummary]) -> Comparison:
    """Compare runs, each with the best one. Raises UserError for fewer than two or more than twelve."""
    check_number(len(entrants))
    judged = [(at, one.best) for at, one in enumerate(entrants)]
    ranked = [(best.val_acc, -best.val_loss, -at) for at, best in judged if best is not None]
    at_best = -max(ranked)[2] if ranked else None
    tests: list[Test | None] = [None] * len(entrants)
    if at_best is not None:
        tests = [
            None if at == at_best else _test(entrants[at_best], other) for at, other in enumerate(entrants)
        ]
    return Comparison(tuple(entrants), at_best, tuple(_differences(entrants)), tuple(_correct(tests)))


def _differences(entrants: Sequence[RunSummary]) -> list[Difference]:
    found = []
    for key in recipe_keys():
        values = tuple(one.recipe.get(key, "") for one in entrants)
        if len({value for value, one in zip(values, entrants, strict=True) if one.recipe}) > 1:
            found.append(Difference(key, values))
    return found


def _test(best: RunSummary, other: RunSummary) -> Test:
    if other.best is None:
        return Test("none", None, why="no epoch of it has ended")
    why = _why_apart(best, other)
    if why:
        return _by_intervals(best, other, why)
    pairs = [(answer.right, other.answers[path].right) for path, answer in best.answers.items()]
    best_only, other_only = pairs.count((True, False)), pairs.count((False, True))
    p = mcnemar(best_only, other_only)
    return Test("images", p < ALPHA, len(pairs), best_only, other_only, p, p)


def _why_apart(best: RunSummary, other: RunSummary) -> str:
    """Say why two runs can't be compared image by image; nothing when they can."""
    for one in (best, other):
        if not one.answers:
            return one.why_no_answers
    common = best.answers.keys() & other.answers.keys()
    if len(common) < max(len(best.answers), len(other.answers)):
        shared = f"{len(common):,} in common of {len(best.answers):,} and {len(other.answers):,}"
        return f"they were judged on different validation images ({shared})"
    if any(best.answers[path].label != other.answers[path].label for path in common):
        return "some of their validation images have other classes"
    return ""


def _by_intervals(best: RunSummary, other: RunSummary, why: str) -> Test:
    one, two = best.interval, other.interval
    if one is None or two is None:
        return Test("none", None, why=why)
    return Test("intervals", one[0] > two[1], why=why)


def _correct(tests: Sequence[Test | None]) -> list[Test | None]:
    """Put the corrected p in, and what follows from it."""
    corrected = iter(holm([test.p for test in tests if test is not None and test.p is not None]))
    done = []
    for test in tests:
        if test is not None and test.p is not None:
            p = next(corrected)
            test = replace(test, corrected=p, differs=p < ALPHA)
        done.append(test)
    return done


class RunReader:
    """Reads one run; again only what has changed since, so that a living run can be looked at often."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._journal = JournalReader(run.journal)
        self._state = RunState()
        self._seen: object = None
        self._entrant: RunSummary | None = None

    def read(self) -> RunSummary:
        """Return the run as it is now. What is missing or damaged in its folder is left empty.

        Raises OSError for a journal that is there and can't be read.
        """
        # The lock before the journal: an engine writes its end first, and lets go of the lock after it.
        alive = self._run.is_alive()
        seen = (alive, *map(_stamp, (self._run.journal, self._run.recipe, self._run.validation)))
        if self._entrant is None or seen != self._seen:
            self._seen = seen
            for events in History(self._journal).read():
                self._state.apply_all(events)
            self._entrant = _entrant(self._run, self._state, alive=alive)
        return self._entrant


def read_comparison(runs: Sequence[RunDir]) -> Comparison:
    """Read and compare runs. Raises UserError for fewer than two or more than twelve."""
    return compare([RunReader(run).read() for run in runs])


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _entrant(run: RunDir, state: RunState, *, alive: bool) -> RunSummary:
    started = state.started
    answers, why = _answers(run)
    return RunSummary(
        path=run.path,
        name=run.name,
        status=state.status(alive=alive),
        model=started.model if started else "",
        data=started.data if started else "",
        planned=state.epoch.epochs if state.epoch else started.epochs if started else 0,
        monitor=state.early_stop.monitor,
        best_epoch=state.early_stop.best_epoch,
        epochs=tuple(state.epochs),
        val_images=state.data.val_images if state.data else 0,
        recipe=_recipe(run, state.settings),
        steered=state.steered,
        answers=answers,
        why_no_answers=why,
    )


def _recipe(run: RunDir, settings: Sequence[SettingChanged]) -> dict[str, str]:
    try:
        recipe = load_recipe(run.recipe)
    except UserError:  # of another version, or damaged by hand: its figures are compared all the same
        return {}
    values = {key: value_of(recipe, key) for key in recipe_keys()}
    for change in settings:
        if change.key in values:
            values[change.key] += f", {change.new} from epoch {change.epoch}"
    return values


def _answers(run: RunDir) -> tuple[Mapping[str, Answer], str]:
    if not run.validation.exists():
        return {}, f"{run.name} has no {run.validation.name} yet, or an older version made it"
    try:
        judged = read_judged(run.validation)
    except UserError as error:
        return {}, str(error)
    return {one.path: Answer(one.label, one.label == one.predicted) for one in judged}, ""
