"""Commands that a killed engine left in its spool: which are answered, which in force, which neither.

A command is in force once a checkpoint with its id, or its first event, is written. One that is, is obeyed again
where the run goes on, which changes nothing more, and so gets its answer; any other is refused.
"""

from pathlib import Path

from engine.control.commands import AnyCommand, Exclude, Refused, Set, Spool
from engine.core.files import replace_file
from engine.journal.events import CommandAccepted, OutlierExcluded
from engine.journal.state import RunState
from engine.recipe.recipe import change, load_recipe
from engine.run.train_state import TrainState


def unfinished(spool: Spool, before: RunState, progress: TrainState | None, recipe: Path) -> set[str]:
    """Take what was answered off ``spool``, and return the ids of what is in force without an answer.

    ``before`` and ``progress`` are what journal and checkpoint hold. A setting that was accepted is put into the file
    ``recipe``, which is written last. Raises UserError when that can't be read, OSError when it can't be written.
    """
    in_force = set()
    for path, command in spool.pending():
        if isinstance(command, Refused) or not command.id:
            continue
        answer = before.answer(command.id)
        if isinstance(answer, CommandAccepted) and isinstance(command, Set):
            changed = change(load_recipe(recipe), command.key, command.value)
            replace_file(recipe, changed.to_toml().encode())
        if answer is not None:
            spool.done(path)
        elif (progress is not None and progress.command == command.id) or _has_begun(command, before):
            in_force.add(command.id)
    return in_force


def _has_begun(command: AnyCommand, before: RunState) -> bool:
    if not isinstance(command, Exclude):
        return False
    paths = tuple(command.paths)
    return any(
        isinstance(told, OutlierExcluded) and told.by == command.by and told.path.endswith(paths)
        for told in before.outliers.changes
    )
