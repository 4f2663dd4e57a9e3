"""What is done to runs from their list. Each call may wait for a disk: none is for the event loop."""

from collections.abc import Callable, Iterable
from pathlib import Path

from engine.control.commands import Stop
from engine.core.errors import UserError
from engine.run.directory import RunDir
from engine.run.labels import Labels, read_labels, write_labels
from engine.run.moves import Trashed, list_trash, move_to_trash, rename_run, restore
from tui import link
from tui.run_rows import RunRow


def _each(rows: Iterable[RunRow], act: Callable[[RunRow], object]) -> tuple[list[RunRow], str]:
    """Return the rows with which ``act`` succeeded, and why it did not with the first of the others."""
    done: list[RunRow] = []
    problem = ""
    for row in rows:
        try:
            act(row)
        except UserError as error:
            problem = problem or str(error)
        except OSError as error:
            problem = problem or f"{row.name}: {error.strerror or error}"
        else:
            done.append(row)
    return done, problem


def resume_runs(rows: list[RunRow]) -> tuple[list[RunRow], str]:
    """Start an engine for each."""

    def start(row: RunRow) -> None:
        if problem := link.start(row.run):
            raise UserError(f"{row.name}: {problem}")

    return _each(rows, start)


def stop_runs(rows: list[RunRow], *, after_epoch: bool) -> tuple[list[RunRow], str]:
    """Ask each living engine to stop."""

    def stop(row: RunRow) -> None:
        _, problem = link.ask(row.run, Stop(after_epoch=after_epoch))
        if problem:
            raise UserError(f"{row.name}: {problem}")

    return _each(rows, stop)


def tag_runs(rows: list[RunRow], common: tuple[str, ...], tags: tuple[str, ...]) -> tuple[list[RunRow], str]:
    """Give each run ``tags`` in place of those that all of them had in ``common``; each keeps its others."""

    def tag(row: RunRow) -> None:
        labels = read_labels(row.run)
        kept = [one for one in labels.tags if one not in common]
        write_labels(row.run, Labels(tuple(dict.fromkeys([*kept, *tags])), labels.note))

    return _each(rows, tag)


def note_run(row: RunRow, note: str) -> str:
    """Keep the run's note; return why it can't be, or nothing."""
    return _each([row], lambda row: write_labels(row.run, Labels(read_labels(row.run).tags, note)))[1]


def rename(row: RunRow, name: str) -> tuple[RunDir | None, str]:
    """Return the renamed run, or None and why it can't be renamed."""
    renamed: list[RunDir] = []
    _, problem = _each([row], lambda row: renamed.append(rename_run(row.run, name)))
    return (renamed[0] if renamed else None), problem


def trash_runs(runs: Path, rows: list[RunRow]) -> tuple[list[Trashed], str]:
    """Move each to the trash of the folder ``runs``; return those that are there now."""
    trashed: list[Trashed] = []
    _, problem = _each(rows, lambda row: trashed.append(move_to_trash(runs, row.run)))
    return trashed, problem


def undo_trash(runs: Path, trashed: list[Trashed]) -> tuple[list[RunDir], str]:
    """Bring these back, or where there are none the run that was thrown away last, by whomever and whenever."""
    restored: list[RunDir] = []
    problem = ""
    try:
        restored.extend(restore(runs, one) for one in trashed or list_trash(runs)[:1])
    except UserError as error:
        problem = str(error)
    except OSError as error:
        problem = f"the trash: {error.strerror or error}"
    return restored, problem
