"""Comparison of runs: best epochs, recipe differences, and whether differences in accuracy are more than noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from engine.analysis.predictions import Judged, read_judged, read_tested
from engine.analysis.stats import holm, mcnemar, wilson
from engine.core.errors import UserError
from engine.journal.events import EpochEnded, PredictionScored, SettingChanged
from engine.journal.index import History
from engine.journal.log import JournalReader
from engine.journal.state import RunState, Status, SteeringHistory
from engine.recipe.recipe import load_recipe, recipe_keys, value_of
from engine.run.directory import RunDir

FEWEST, MOST = 2, 12
"""How many runs can be compared."""
ALPHA = 0.05
"""Significance level of the tests."""

Method = Literal["images", "intervals", "none"]
"""How two runs are compared, see ``Test``."""


Images = Literal["validation", "test"]
"""The images on which runs are compared."""


class Answer(NamedTuple):
    """The prediction of the best weights for a validation image, or for a test image with a label."""

    label: str
    """The true class."""
    right: bool
    """Whether the prediction was correct."""


@dataclass(frozen=True, slots=True, eq=False)
class RunSummary:
    """What a comparison needs of a run. Compares by identity."""

    path: Path
    name: str
    status: Status
    model: str
    data: str
    planned: int
    """Maximum number of epochs; 0 if unknown."""
    monitor: str
    best_epoch: int
    """The epoch of the best weights; 0 before the first epoch has ended."""
    epochs: tuple[EpochEnded, ...]
    val_images: int
    """0 if unknown."""
    recipe: Mapping[str, str]
    """Values by dotted key, followed by changes made while the run was running; empty if the recipe can't be read."""
    steered: SteeringHistory
    answers: Mapping[str, Answer]
    """By image path; if empty, ``why_no_answers`` has the reason."""
    why_no_answers: str
    test: PredictionScored | None
    """The score of the best weights on labelled test images; None if they weren't scored."""
    test_answers: Mapping[str, Answer]
    """Of the labelled test images, by path; if empty, ``why_no_test_answers`` has the reason."""
    why_no_test_answers: str

    @property
    def best(self) -> EpochEnded | None:
        """The epoch of the best weights, None before the first epoch has ended."""
        return next((epoch for epoch in self.epochs if epoch.epoch == self.best_epoch), None)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the best epoch's validation accuracy, in percent; None if unknown."""
        best = self.best
        if best is None:
            return None
        if best.val_acc_low is not None and best.val_acc_high is not None:
            return best.val_acc_low, best.val_acc_high
        images = len(self.answers) or self.val_images
        return wilson(round(best.val_acc * images / 100), images) if images else None

    @property
    def seconds(self) -> float:
        """Duration of all epochs in seconds, without startup, pauses and interruptions."""
        return fsum(epoch.seconds for epoch in self.epochs)


class Difference(NamedTuple):
    """A recipe key whose value isn't the same in all runs."""

    key: str
    values: tuple[str, ...]
    """One for each run; "" if unknown."""


@dataclass(frozen=True, slots=True)
class Test:
    """Comparison of a run with the best one."""

    method: Method
    """``images``: McNemar's exact test on the validation images of both runs; ``intervals``: whether the two 95 %
    intervals overlap; ``none``: not comparable yet."""
    differs: bool | None
    """Whether the difference is more than noise: corrected p < 0.05, or intervals that don't overlap. None if
    unknown."""
    images: int = 0
    """Number of images tested."""
    best_only: int = 0
    """Images that only the best run has right."""
    other_only: int = 0
    """Images that only the other run has right."""
    p: float | None = None
    corrected: float | None = None
    """``p`` with Holm's correction for all tests of the comparison."""
    why: str = ""
    """Why the two runs aren't compared image by image."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Runs, their differences, and a test of each against the best. Compares by identity, as the contents are long."""

    entrants: tuple[RunSummary, ...]
    best: int | None
    """Index of the run with the highest validation accuracy at its best epoch; ties go to the lower loss."""
    differences: tuple[Difference, ...]
    tests: tuple[Test | None, ...]
    """One for each run; None for the best run, and for all runs if there is no best one."""
    test_tests: tuple[Test | None, ...]
    """The same on the labelled test images; None also for a run without a score on them, and for all runs if the best
    one has none."""

    @property
    def corrected(self) -> bool:
        """Whether p-values are corrected, that is, whether there is more than one."""
        return _several(self.tests)

    @property
    def test_corrected(self) -> bool:
        """Whether the p-values on test images are corrected."""
        return _several(self.test_tests)

    @property
    def scored(self) -> bool:
        """Whether any run has a score on labelled test images."""
        return any(one.test is not None for one in self.entrants)


def _several(tests: Sequence[Test | None]) -> bool:
    return sum(test is not None and test.p is not None for test in tests) > 1


def check_number(runs: int) -> None:
    """Raise UserError unless that many runs can be compared."""
    if not FEWEST <= runs <= MOST:
        raise UserError(f"{FEWEST} to {MOST} runs can be compared, not {runs}; vrdl-tui runs lists them")


def compare(entrants: Sequence[RunSummary]) -> Comparison:
    """Compare each run with the best one. Raises UserError for fewer than 2 or more than 12 runs."""
    check_number(len(entrants))
    bests = [(at, one.best) for at, one in enumerate(entrants)]
    ranked = [(best.val_acc, -best.val_loss, -at) for at, best in bests if best is not None]
    at_best = -max(ranked)[2] if ranked else None
    tests: list[Test | None] = [None] * len(entrants)
    test_tests = list(tests)
    if at_best is not None:
        best = entrants[at_best]
        for at, other in enumerate(entrants):
            if at != at_best:
                tests[at] = _test(best, other)
                test_tests[at] = _on_test_images(best, other)
    return Comparison(
        tuple(entrants),
        at_best,
        tuple(_differences(entrants)),
        tuple(_correct(tests)),
        tuple(_correct(test_tests)),
    )


def _differences(entrants: Sequence[RunSummary]) -> list[Difference]:
    found = []
    for key in recipe_keys():
        values = tuple(one.recipe.get(key, "") for one in entrants)
        if len({value for value, one in zip(values, entrants, strict=True) if one.recipe}) > 1:
            found.append(Difference(key, values))
    return found


def _test(best: RunSummary, other: RunSummary) -> Test:
    if other.best is None:
        return Test("none", None, why="none of its epochs has ended")
    return _compare(
        "validation",
        (best.answers, best.why_no_answers, best.interval),
        (other.answers, other.why_no_answers, other.interval),
    )


def _on_test_images(best: RunSummary, other: RunSummary) -> Test | None:
    if best.test is None or other.test is None:
        return None
    one, two = (
        (run.test_answers, run.why_no_test_answers, (score.acc_low, score.acc_high))
        for run, score in ((best, best.test), (other, other.test))
    )
    return _compare("test", one, two)


_Side: TypeAlias = tuple[Mapping[str, Answer], str, tuple[float, float] | None]
"""Answers, why there are none, and the 95 % interval of the accuracy."""


def _compare(images: Images, best: _Side, other: _Side) -> Test:
    (answers, _, interval), (others, _, other_interval) = best, other
    why = _why_not_by_images(images, best, other)
    if not why:
        pairs = [(answer.right, others[path].right) for path, answer in answers.items()]
        best_only, other_only = pairs.count((True, False)), pairs.count((False, True))
        p = mcnemar(best_only, other_only)
        return Test("images", p < ALPHA, len(pairs), best_only, other_only, p, p)
    if interval is None or other_interval is None:
        return Test("none", None, why=why)
    apart = interval[0] > other_interval[1] or other_interval[0] > interval[1]
    return Test("intervals", apart, why=why)


def _why_not_by_images(images: Images, best: _Side, other: _Side) -> str:
    """Return why two runs can't be compared image by image, "" if they can."""
    for answers, why_none, _ in (best, other):
        if not answers:
            return why_none
    one, two = best[0], other[0]
    common = one.keys() & two.keys()
    if len(common) < max(len(one), len(two)):
        shared = f"{len(common):,} in common of {len(one):,} and {len(two):,}"
        return f"they have different {images} images ({shared})"
    if any(one[path].label != two[path].label for path in common):
        return f"some of their {images} images have different labels"
    return ""


def _correct(tests: Sequence[Test | None]) -> list[Test | None]:
    """Return the tests with corrected p-values, and ``differs`` accordingly."""
    corrected = iter(holm([test.p for test in tests if test is not None and test.p is not None]))
    done = []
    for test in tests:
        if test is not None and test.p is not None:
            p = next(corrected)
            test = replace(test, corrected=p, differs=p < ALPHA)
        done.append(test)
    return done


class RunReader:
    """Reads one run repeatedly. Only what changed since the last call is read, so a live run can be polled often."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._journal = JournalReader(run.journal)
        self._state = RunState()
        self._seen: object = None
        self._entrant: RunSummary | None = None

    def read(self) -> RunSummary:
        """Return the run's current state. Missing or damaged files leave the corresponding fields empty.

        Raises OSError if the journal exists and can't be read.
        """
        # The lock is checked before the journal: an engine writes its last event before it releases the lock.
        alive = self._run.is_alive()
        seen = (
            alive,
            *map(_stamp, (self._run.journal, self._run.recipe, self._run.validation, self._run.tested)),
        )
        if self._entrant is None or seen != self._seen:
            self._seen = seen
            for events in History(self._journal).read():
                self._state.apply_all(events)
            self._entrant = _entrant(self._run, self._state, alive=alive)
        return self._entrant


def read_comparison(runs: Sequence[RunDir]) -> Comparison:
    """Read and compare runs. Raises UserError for fewer than 2 or more than 12 runs."""
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
    tested, why_none = _test_answers(run, state.test)
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
        test=state.test,
        test_answers=tested,
        why_no_test_answers=why_none,
    )


def _recipe(run: RunDir, settings: Sequence[SettingChanged]) -> dict[str, str]:
    try:
        recipe = load_recipe(run.recipe)
    except UserError:  # of another version, or damaged: the run can be compared without it
        return {}
    values = {key: value_of(recipe, key) for key in recipe_keys()}
    for change in settings:
        if change.key in values:
            values[change.key] += f", {change.new} from epoch {change.epoch}"
    return values


def _test_answers(run: RunDir, test: PredictionScored | None) -> tuple[Mapping[str, Answer], str]:
    """Return the answers that ``test`` is the score of: the file may be of an earlier or a later prediction."""
    if test is None:
        return {}, f"{run.name} has no score on test images"
    try:
        return _as_answers(read_tested(run.tested, test)), ""
    except UserError as error:
        return {}, str(error)


def _answers(run: RunDir) -> tuple[Mapping[str, Answer], str]:
    if not run.validation.exists():
        return {}, f"{run.name} has no {run.validation.name} yet, or an older version made it"
    try:
        return _as_answers(read_judged(run.validation)), ""
    except UserError as error:
        return {}, str(error)


def _as_answers(judged: Sequence[Judged]) -> dict[str, Answer]:
    return {one.path: Answer(one.label, one.label == one.predicted) for one in judged}
