"""A run as the list and ``vrdl-tui runs`` show it."""

from typing import NamedTuple

from engine.core.errors import UserError
from engine.journal.state import RunState
from engine.run.directory import FoundRun, RunDir
from engine.run.labels import Labels, read_labels
from engine.run.overview import Overview, overview_of, read_ends


class RunRow(NamedTuple):
    run: RunDir
    name: str
    """Its path below the runs folder."""
    created: float
    facts: Overview | None
    """None until its journal has been read."""
    labels: Labels

    @property
    def alive(self) -> bool:
        return self.facts is not None and self.facts.status in ("starting", "running", "paused")


def read_row(found: FoundRun) -> RunRow:
    """Read a run's row from its files."""
    # The lock before the journal: an engine writes its end first and lets go of the lock after it.
    alive = found.run.is_alive()
    try:
        state = read_ends(found.run)[0]
        facts = overview_of(found.run, state, state.status(alive=alive))
    except OSError as error:
        facts = unreadable(found.run, error, alive=alive)
    return RunRow(found.run, found.name, found.created, facts, labels_of(found.run))


def unreadable(run: RunDir, error: OSError, *, alive: bool) -> Overview:
    """Return the overview of a run whose journal can't be read: it says why."""
    return Overview(
        status=RunState().status(alive=alive), reason=f"{run.journal.name} can't be read: {error.strerror}"
    )


def labels_of(run: RunDir) -> Labels:
    """Return the run's labels; damaged ones, which whoever changes them is told of, are none."""
    try:
        return read_labels(run)
    except (UserError, OSError):
        return Labels()
