"""Restoring outliers of a run that no engine has."""

from engine.commands import Restore
from engine.journal import JournalReader, JournalWriter
from engine.outliers.acting import Acting
from engine.progress import peek
from engine.recipe import load_recipe
from engine.rundir import RunDir
from engine.state import RunState


def restore_offline(run: RunDir, command: Restore) -> str:
    """Do what ``command`` asks in the run's own journal, and say what was done.

    A resumed run has the images back from its next whole epoch on. Raises UserError when an engine has the run, or
    when nothing could be restored.
    """
    lock = run.lock()
    try:
        recipe = load_recipe(run.recipe)
        state = RunState()
        state.apply_all(JournalReader(run.journal).read(limit=1 << 40))
        progress = peek(run.checkpoints)
        epoch = progress.epoch + (progress.step > 0) if progress is not None else 1
        journal = JournalWriter(run.journal)
        try:
            done = Acting(run, recipe, state.outliers, journal.append).restore(command, from_epoch=epoch)
        finally:
            journal.close()
    finally:
        lock.release()
    if state.status(alive=False) == "finished":
        return f"{done}; the run is finished, a new one will use what is in the folder"
    return f"{done}, in use from epoch {epoch} on once the run is resumed"
