"""What a new run needs of the disk: where a cloned run's data are, whether all is there, the start itself."""

from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import UserError
from engine.layout.folders import find_folders
from engine.recipe.recipe import Recipe, load_recipe
from engine.run.directory import RunDir
from tui.cli.preflight import prepare_recipe
from tui.spawn import start_engine
from tui.widgets.form_fields import FOLDERS, text_of
from tui.widgets.form_folders import Glance, glance
from tui.widgets.form_state import Asked, FormState


@dataclass(frozen=True, slots=True)
class Checked:
    """What the data folder holds, and the complete recipe, or why there is none."""

    data: Glance
    recipe: Recipe | None
    problem: str
    said: str = ""
    """What was decided about the recipe where nothing is given, such as sizes that follow the model."""


def cloned(run: RunDir) -> FormState:
    """Return a form as ``run`` was, its recipe in the preset's place. Raises UserError when that can't be read."""
    recipe = load_recipe(run.recipe)
    train = Path(recipe.data.train)
    folder = train.parent if train.name == "train" else train
    state = FormState(str(run.recipe), folder if recipe.data.train else None)
    try:
        found = find_folders(folder)
    except (UserError, OSError):  # the data are away: the check says so
        return state
    for key, path in zip(FOLDERS, found.as_text(), strict=True):
        if text_of(recipe, key) != path:
            state.keep(key)
    return state


def check(asked: Asked) -> Checked:
    """Judge what is asked for as the command line would. Reads folders: not for the user interface's thread."""
    known = glance(asked.data)
    try:
        notes: list[str] = []
        recipe = prepare_recipe(*asked, notes.append).recipe
        return Checked(known, recipe, "", "; ".join(notes))
    except UserError as error:
        return Checked(known, None, str(error))
    except OSError as error:
        return Checked(known, None, f"{error.filename}: {error.strerror}")


def start(asked: Asked, runs: Path) -> tuple[RunDir | None, str]:
    """Create the run and start its engine; return it, or None and why not."""
    try:
        recipe = prepare_recipe(*asked).recipe
        run = RunDir.create(runs, asked.name, recipe.model.name, recipe.to_toml(), recipe.train.share)
        start_engine(run)
    except UserError as error:
        return None, str(error)
    except OSError as error:
        return None, f"the run can't be started: {error.strerror or error}"
    return run, ""
