"""Recovery of commands that a killed engine left in its spool: answered, in force, or neither.

1. Answered: the journal has the answer. The command is removed from the spool.
2. In force: a checkpoint with its id, or its first event, was written, but no answer. When the run resumes, the command
   is executed again, which changes nothing further, and so gets its answer.
3. Neither: the command is refused.
"""

from pathlib import Path

from engine.control.commands import AnyCommand, Exclude, Refused, Set, Spool
from engine.core.files import replace_file
from engine.journal.events import CommandAccepted, OutlierExcluded
from engine.journal.state import RunState
from engine.recipe.recipe import change, load_recipe
from engine.run.train_state import TrainState


def unfinished(spool: Spool, before: RunState, progress: TrainState | None, recipe: Path) -> set[str]:
    """Remove answered commands from ``spool``, and return the ids of those in force without an answer.

    ``before`` and ``progress`` are the states of journal and checkpoint. An accepted setting is applied to the file
    ``recipe`` again, since an engine writes that last. Raises UserError if ``recipe`` can't be read, OSError if it
    can't be written.
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
        isinstance(event, OutlierExcluded) and event.by == command.by and event.path.endswith(paths)
        for event in before.outliers.changes
    )
