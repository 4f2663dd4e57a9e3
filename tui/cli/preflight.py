"""All that can be judged of a run before its folder exists, without importing torch."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.core.paths import expand_home
from engine.core.text import printable
from engine.layout.copies import with_copies
from engine.layout.folders import find_folders
from engine.layout.listing import Listing, list_data
from engine.outliers.files.quarantine import check_action
from engine.recipe.recipe import Recipe, load_recipe, unsaid
from engine.recipe.timm_catalogue import check_model
from engine.recipe.weights_source import check_weights, find_weights
from engine.run.directory import check_name
from tui.cli.devices import check_device
from tui.cli.model_sizes import fit_sizes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A complete recipe with the listing of its data; ``guessed`` are sentences about which folders are which."""

    recipe: Recipe
    listing: Listing
    guessed: tuple[str, ...] = ()

    def said(self) -> list[str]:
        """Return lines about the data: what is guessed, found, left out and warned of.

        Looks for exact copies, whose files are read.
        """
        return [*self.guessed, *with_copies(self.listing).summary()]


def prepare_recipe(
    data: Path, source: str, settings: Iterable[str], name: str | None, note: Callable[[str], object] = unsaid
) -> Prepared:
    """Return the complete recipe of a run on ``data``. Raises UserError with what stands in its way.

    The data folder lies over the recipe's own ``[data]`` paths, which may be those of the run that the
    recipe was taken from; ``settings`` lie over both. ``note`` is called as by ``load_recipe``.
    """
    settings = list(settings)
    folders = find_folders(data)
    train, val, test = folders.as_text()
    recipe = load_recipe(
        source, settings, base={"data": {"train": train, "val": val, "test": test}}, note=note
    )
    recipe = _with_absolute_paths(recipe)
    listing = list_data(recipe.data)
    guessed = (
        folders.said if (recipe.data.train, recipe.data.val, recipe.data.test) == (train, val, test) else ()
    )
    recipe = _with_weights(recipe, note)
    _check_machine(recipe)
    recipe = fit_sizes(recipe, source, settings, note)
    if recipe.outliers.method != "none" and recipe.outliers.action != "exclude":
        check_action(Path(recipe.data.train), recipe.outliers.action)
    if name is not None:
        check_name(name)
    return Prepared(recipe, listing, guessed)


def scan_recipe(
    data: Path, source: str, settings: Iterable[str], note: Callable[[str], object] = unsaid
) -> Prepared:
    """Return the recipe by which a folder's images are judged, every one of its class folders' images.

    Raises UserError with what stands in the way.
    """
    train, val, _ = find_folders(data).as_text()
    recipe = load_recipe(source, settings, base={"data": {"train": train, "val": val, "test": ""}}, note=note)
    recipe = _with_absolute_paths(recipe)
    listing = list_data(recipe.data, splits=False)
    recipe = _with_weights(recipe, note)
    _check_machine(recipe)
    return Prepared(recipe, listing)


def _with_weights(recipe: Recipe, note: Callable[[str], object]) -> Recipe:
    """Return the recipe with the weights file in place of its folder. Raises UserError if there is none."""
    if not recipe.model.weights:
        return recipe
    # Not resolved: the hub's cache links to files whose names say nothing, away from their config.json.
    given = Path(os.path.abspath(expand_home(recipe.model.weights)))  # noqa: PTH100 - Path.absolute keeps ".."
    file = find_weights(given)
    check_weights(file)
    if file != given:
        note(f"model.weights: takes {printable(str(file))}")
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"weights": str(file)})})


def _check_machine(recipe: Recipe) -> None:
    check_model(recipe.model.name)
    check_device(recipe.train.device)


def _with_absolute_paths(recipe: Recipe) -> Recipe:
    """A run may be resumed from another folder: its paths must not depend on this one."""
    data = recipe.data
    paths = {"train": _absolute(data.train), "val": _absolute(data.val), "test": _absolute(data.test)}
    return recipe.model_copy(update={"data": data.model_copy(update=paths)})


def _absolute(path: str) -> str:
    # Path.resolve raises RuntimeError for a link that leads in a circle.
    return os.path.realpath(expand_home(path)) if path else ""
