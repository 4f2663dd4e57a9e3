"""All that can be judged of a run before its folder exists, without importing torch."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.outliers.files.quarantine import check_action
from engine.recipe.data_layout import DataFolders, expand_home, find_folders, list_data
from engine.recipe.recipe import Recipe, load_recipe, unsaid
from engine.recipe.timm_catalogue import check_model
from engine.recipe.weights_source import find_weights
from engine.run.directory import check_name
from tui.cli.devices import check_device

_DATA_KEYS = ("data.train", "data.val", "data.test")


def prepare_recipe(
    data: Path, source: str, settings: Iterable[str], name: str | None, note: Callable[[str], object] = unsaid
) -> Recipe:
    """Return the complete recipe of a run on ``data``. Raises UserError with what stands in its way.

    The data folder lies over the recipe's own ``[data]`` paths, which may be those of the run that the
    recipe was taken from; ``settings`` lie over both. ``note`` is called as by ``load_recipe``.
    """
    folders = find_folders(data)
    settings = list(settings)
    named = any(setting.partition("=")[0].strip() in _DATA_KEYS for setting in settings)
    if not named:
        list_data(*_paths(folders))
    train, val, test = _paths(folders)
    recipe = load_recipe(
        source, settings, base={"data": {"train": train, "val": val, "test": test}}, note=note
    )
    recipe = _with_absolute_paths(recipe)
    if named or (recipe.data.train, recipe.data.val, recipe.data.test) != (train, val, test):
        list_data(recipe.data.train, recipe.data.val, recipe.data.test)
    _check_machine(recipe)
    if recipe.outliers.method != "none" and recipe.outliers.action != "exclude":
        check_action(Path(recipe.data.train), recipe.outliers.action)
    if name is not None:
        check_name(name)
    return recipe


def scan_recipe(
    data: Path, source: str, settings: Iterable[str], note: Callable[[str], object] = unsaid
) -> Recipe:
    """Return the recipe by which a folder's images are judged, every one of its class folders' images.

    Raises UserError with what stands in the way.
    """
    folders = find_folders(data)
    paths = {"train": str(folders.train), "val": str(folders.val or ""), "test": ""}
    recipe = load_recipe(source, settings, base={"data": paths}, note=note)
    recipe = _with_absolute_paths(recipe)
    list_data(recipe.data.train, recipe.data.val, "", splits=False)
    _check_machine(recipe)
    return recipe


def _check_machine(recipe: Recipe) -> None:
    check_model(recipe.model.name)
    if recipe.model.weights:
        find_weights(Path(recipe.model.weights))
    check_device(recipe.train.device)


def _paths(folders: DataFolders) -> tuple[str, str, str]:
    return str(folders.train), str(folders.val or ""), str(folders.test or "")


def _with_absolute_paths(recipe: Recipe) -> Recipe:
    """A run may be resumed from another folder: its paths must not depend on this one."""
    data, model = recipe.data, recipe.model
    paths = {"train": _absolute(data.train), "val": _absolute(data.val), "test": _absolute(data.test)}
    return recipe.model_copy(
        update={
            "data": data.model_copy(update=paths),
            "model": model.model_copy(update={"weights": _absolute(model.weights)}),
        }
    )


def _absolute(path: str) -> str:
    # Path.resolve raises RuntimeError for a link that leads in a circle.
    return os.path.realpath(expand_home(path)) if path else ""
