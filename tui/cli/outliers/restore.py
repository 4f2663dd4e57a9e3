"""`vrdl-tui outliers restore`."""

from typing import Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Moved, Run, Runs


def restore_(
    run: Run,
    /,
    *path: Annotated[str, Parameter(help="Images as CLASS/FILE, or as `vrdl-tui outliers list` shows them.")],
    class_: Annotated[str, Parameter(name="--class", help="All outliers of this class.")] = "",
    all: Annotated[bool, Parameter(help="All outliers of the run.", show_default=False)] = False,
    data: Moved = None,
    runs: Runs = DEFAULT_RUNS,
) -> int:
    """Let images that a run left out take part again.

    A quarantined file goes back to its place, or stays where it is and the reason
    is told. A living run has the images back from its next epoch on, another one
    when it is resumed. Exit code: 0 restored, 1 refused by the living run, 2
    nothing could be restored, or bad input.
    """
    from engine.control.commands import Restore, whoami
    from engine.core.errors import UserError
    from engine.core.text import printable
    from engine.journal.index import past_state
    from engine.journal.log import JournalReader
    from engine.run.directory import find_run
    from engine.run.moved_data import with_data_at, write_recipe
    from tui.cli.answer import ask
    from tui.cli.say import note

    if (bool(path) + bool(class_) + all) != 1:
        raise UserError("which images? outliers restore RUN CLASS/FILE…, or --class NAME, or --all")
    found = find_run(runs, run)
    command = Restore(paths=list(path), class_name=class_, by=whoami())
    if found.is_alive():
        if data is not None:
            raise UserError(
                f"run {printable(found.name)} is running on its data; stop it before you give --data"
            )
        return ask(found, command)
    if data is not None:
        recipe = with_data_at(found, past_state(JournalReader(found.journal)), data)
        write_recipe(found, recipe)
        note(f"recipe.toml: data.train is {printable(recipe.data.train)} from now on")
    from engine.outliers.files.restoring import restore_offline

    print(restore_offline(found, command))
    return 0
