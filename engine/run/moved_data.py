"""Point a run at its data after they were moved to another folder."""

import os
from dataclasses import replace
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.text import printable
from engine.journal.state import RunState
from engine.layout.folders import find_folders
from engine.recipe.recipe import Recipe, change, load_recipe
from engine.run.data_now import Past, look_at_data
from engine.run.directory import RunDir
from engine.run.train_state import peek


def with_data_at(run: RunDir, before: RunState, root: Path) -> Recipe:
    """Return the run's recipe with ``data.train``, ``data.val`` and ``data.test`` below ``root``, without writing it.

    The folders are found as ``train DATA`` finds them; one that is missing there stays where it is. Raises UserError if
    ``root`` isn't a data folder, if a folder is in neither place, and if most of the recorded images aren't there.
    """
    recipe = load_recipe(run.recipe)
    folders = find_folders(root)
    for key, folder in (
        ("data.train", folders.train),
        ("data.val", folders.val),
        ("data.test", folders.test),
    ):
        before_move = getattr(recipe.data, key.partition(".")[2])
        if before_move and (folder is not None or not Path(before_move).is_dir()):
            if folder is None:
                without = ', or set data.test = "" in recipe.toml' if key == "data.test" else ""
                raise UserError(
                    f"{printable(str(root))} has no folder for {key}, which was {printable(before_move)}; move it "
                    f"there too{without}"
                )
            recipe = change(recipe, key, os.path.realpath(folder))
    past = replace(
        Past.of(run, recipe, before, trained=peek(run.checkpoints) is not None),
        remedy="name the folder that the run's data were moved to",
    )
    look_at_data(recipe.data, run.split, past)
    return recipe


def write_recipe(run: RunDir, recipe: Recipe) -> None:
    """Write ``recipe`` as the run's own. Raises UserError while an engine is running it, and OSError."""
    lock = run.lock(wait=0.2)
    try:
        replace_file(run.recipe, recipe.to_toml().encode())
    finally:
        lock.release()
