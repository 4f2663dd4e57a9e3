"""Read from a run's folder what a comparison needs: journal, recipe, and the judged validation images."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.compare import Answer, Comparison, Entrant, compare
from engine.errors import UserError
from engine.journal import JournalReader
from engine.journal_index import Past
from engine.judged import read_judged
from engine.recipe import load_recipe, recipe_keys, value_of
from engine.rundir import RunDir
from engine.state import RunState
from engine.steering_events import SettingChanged


class RunReader:
    """Reads one run; again only what has changed since, so that a living run can be looked at often."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._journal = JournalReader(run.journal)
        self._state = RunState()
        self._seen: object = None
        self._entrant: Entrant | None = None

    def read(self) -> Entrant:
        """Return the run as it is now. What is missing or damaged in its folder is left empty.

        Raises OSError for a journal that is there and can't be read.
        """
        # The lock before the journal: an engine writes its end first, and lets go of the lock after it.
        alive = self._run.is_alive()
        seen = (alive, *map(_stamp, (self._run.journal, self._run.recipe, self._run.validation)))
        if self._entrant is None or seen != self._seen:
            self._seen = seen
            for events in Past(self._journal).read():
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


def _entrant(run: RunDir, state: RunState, *, alive: bool) -> Entrant:
    started = state.started
    answers, why = _answers(run)
    return Entrant(
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
