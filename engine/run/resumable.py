"""Whether a run can be resumed: checked before an engine is started, so that a refusal leaves nothing behind."""

from engine.core.errors import UserError
from engine.core.text import printable, shell_word
from engine.journal.state import RunState
from engine.recipe.recipe import Recipe, load_recipe
from engine.run.data_now import Past, look_at_data
from engine.run.directory import RunDir
from engine.run.recipe_edits import Edit, find_edits, refuse_edits
from engine.run.train_state import TrainState, peek


def check_resumable(run: RunDir, before: RunState, recipe: Recipe | None = None) -> list[Edit]:
    """Return the edits of ``recipe.toml``, or of ``recipe`` in its place, that a resume will apply.

    Raises UserError if the checkpoint is gone, and for edits that a run can't take; other errors are left for the
    engine to report.
    """
    try:
        recipe, progress = recipe or load_recipe(run.recipe), peek(run.checkpoints)
    except UserError:
        return []
    refuse_restart(run, before, progress)
    edits = find_edits(recipe, before, progress)
    refuse_edits(edits, run, recipe, before, progress)
    return edits


def check_data(run: RunDir, before: RunState) -> None:
    """Raise UserError if the data aren't those of the run. Lists them, which takes seconds for a million images."""
    try:
        recipe, progress = load_recipe(run.recipe), peek(run.checkpoints)
    except UserError:  # for the engine to report
        return
    look_at_data(recipe.data, run.split, Past.of(run, recipe, before, trained=progress is not None))


def refuse_restart(run: RunDir, before: RunState, progress: TrainState | None) -> None:
    """Raise UserError if a run that has trained has no checkpoint: it would begin again over its best weights."""
    saved = before.checkpoints.get("last")
    if progress is not None or saved is None or (saved.epoch, saved.step) <= (1, 0):
        return
    raise UserError(
        f"{printable(str(run.checkpoints / 'last'))}, saved in epoch {saved.epoch}, is gone: restore it from a copy, "
        f"or start a new run: vrdl-tui train DATA --recipe {shell_word(str(run.recipe))}"
    )
