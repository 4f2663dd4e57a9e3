"""Restoring outliers of a run that isn't running."""

from engine.control.commands import Restore
from engine.journal.index import past_state
from engine.journal.log import JournalReader, JournalWriter
from engine.outliers.files.acting import OutlierActions
from engine.recipe.recipe import load_recipe
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace
from engine.run.train_state import peek


def restore_offline(run: RunDir, command: Restore) -> str:
    """Restore images as ``command`` requests, record it in the run's journal, and return a description for the user.

    When the run is resumed, the images take part from the next epoch that starts. Raises UserError if an engine is
    running the run, or if nothing could be restored.
    """
    lock = run.lock()
    try:
        recipe = load_recipe(run.recipe)
        state = past_state(JournalReader(run.journal))
        progress = peek(run.checkpoints)
        epoch = progress.epoch + (progress.step > 0) if progress is not None else 1
        journal = JournalWriter(run.journal)
        try:
            room = DiskSpace(run.path, journal.append_all)
            room.close()  # a full disk is reported at once instead of waited for
            acting = OutlierActions(run, recipe, state.outliers, journal.append, room)
            done = acting.restore(command, from_epoch=epoch)
        finally:
            journal.close()
    finally:
        lock.release()
    if state.status(alive=False) == "finished":
        return f"{done}; the run is finished, so only new runs will use what was restored"
    return f"{done}, in use from epoch {epoch} on once the run is resumed"
