"""Which folders below a data folder are the splits."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from engine.core.errors import UserError
from engine.core.text import printable
from engine.layout.findings import names
from engine.layout.tree import Tree, read_tree
from engine.recipe.sections import Data

Role = Literal["train", "val", "test"]
"""A split, by the name that its folder has in the README."""

_ROLES: dict[str, Role] = {
    "train": "train", "training": "train", "trainset": "train", "train_set": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "valset": "val", "val_set": "val", "dev": "val", "eval": "val",
    "test": "test", "testing": "test", "testset": "test", "test_set": "test", "tst": "test",
}  # fmt: skip
_DEEPEST = 8


def role_of(name: str) -> Role | None:
    """Return which split a folder's name stands for, in any case; None for another name."""
    return _ROLES.get(name.casefold().replace("-", "_"))


@dataclass(frozen=True, slots=True)
class DataFolders:
    """The training, validation and test folders of a data folder; ``val`` and ``test`` are None if missing.

    ``said`` are sentences about what was guessed, each with the way to have it otherwise.
    """

    train: Path
    val: Path | None
    test: Path | None
    said: tuple[str, ...] = ()

    def as_text(self) -> tuple[str, str, str]:
        """Return the folders as the keys ``data.train``, ``data.val`` and ``data.test`` have them: "" for none."""
        return str(self.train), str(self.val or ""), str(self.test or "")

    def to_data(self) -> Data:
        """Return a recipe's ``[data]`` with these folders. Raises UserError if a name isn't UTF-8 text."""
        train, val, test = self.as_text()
        try:
            return Data(train=train, val=val, test=test)
        except ValidationError:
            raise UserError(f"{printable(train)}: its name isn't UTF-8 text; rename the folder") from None


def find_folders(root: Path, *, most: int | None = None) -> DataFolders:
    """Return the folders of ``root``: those of the splits below it, or ``root`` itself as ``train``.

    A folder is a split by its name (``train``, ``training``; ``val``, ``valid``, ``validation``; ``test``, ``testing``;
    in any case) and by what it holds: ``train`` with images of its own beside other classes is a class. Where all
    images lie below a single folder that has the classes or splits, that one is taken. Raises UserError for what is no
    folder or no data, and where several folders could be meant; TooManyFilesError after ``most`` files.
    """
    if not root.is_dir():
        raise UserError(f"no such folder: {printable(str(root))}")
    root = root.resolve()
    said: tuple[str, ...] = ()
    for _ in range(_DEEPEST):
        tree = read_tree(root, most=most)
        found = _splits(root, tree)
        if found is not None:
            return DataFolders(found.train, found.val, found.test, said + found.said)
        inner = _only_folder(tree)
        if inner is None:
            _refuse_several(root, tree)
            flat = _flat(root, tree)
            return DataFolders(flat.train, flat.val, flat.test, said + flat.said)
        root /= inner
        said = (f"the classes are in {printable(str(root))}",)
    return DataFolders(root, None, None, said)


def _splits(root: Path, tree: Tree) -> DataFolders | None:
    """Return the splits if there is a training folder among the first-level folders."""
    found: dict[Role, list[str]] = {"train": [], "val": [], "test": []}
    classes = []
    for name in tree.folders:
        role = role_of(name)
        if role is not None:
            found[role].append(name)
        elif tree.folders[name]:
            classes.append(name)
    trains = [name for name in found["train"] if _has_class_folders(tree, name)]
    if not trains and not classes:
        trains = found["train"]
    if not trains:
        return None
    train = _one(root, "train", trains)
    val = _one(root, "val", found["val"]) if found["val"] else None
    test = _one(root, "test", found["test"]) if found["test"] else None
    return DataFolders(root / train, root / val if val else None, root / test if test else None)


def _flat(root: Path, tree: Tree) -> DataFolders:
    """Return the splits of a folder of classes: a test folder beside them, and a val folder with the same classes."""
    classes = {name for name, images in tree.folders.items() if images and role_of(name) != "test"}
    tests = [name for name, images in tree.folders.items() if images and role_of(name) == "test"]
    vals = [
        name
        for name in classes
        if role_of(name) == "val" and not _inner(tree, name).isdisjoint(classes - {name})
    ]
    said = []
    test = _one(root, "test", tests) if tests and len(classes - set(vals)) > 1 else None
    val = _one(root, "val", vals) if vals else None
    for name, what in ((val, "the validation images"), (test, "the test images")):
        if name is not None:
            said.append(
                f"{printable(str(root / name))} holds {what} and is no class "
                f"(otherwise: --set data.train={printable(str(root))})"
            )
    return DataFolders(root, root / val if val else None, root / test if test else None, tuple(said))


def _one(root: Path, role: Role, found: list[str]) -> str:
    if len(found) > 1:
        raise UserError(
            f"{names([f'{name}/' for name in found])} in {printable(str(root))} could each be data.{role}; "
            f"name one: --set data.{role}={printable(str(root / found[0]))}"
        )
    return found[0]


def _inner(tree: Tree, name: str) -> set[str]:
    """Return the second-level folders with images below a first-level folder."""
    return {image.split("/", 2)[1] for image in tree.folders[name] if image.count("/") > 1}


def _has_class_folders(tree: Tree, name: str) -> bool:
    return bool(_inner(tree, name))


def _only_folder(tree: Tree) -> str | None:
    """Return the one first-level folder with images, if they all lie in folders of its own and none beside it."""
    filled = [name for name, images in tree.folders.items() if images]
    if len(filled) != 1 or tree.loose or not _has_class_folders(tree, filled[0]):
        return None
    direct = any(image.count("/") == 1 for image in tree.folders[filled[0]])
    return None if direct else filled[0]


def _refuse_several(root: Path, tree: Tree) -> None:
    """Raise UserError if first-level folders have splits of their own: each is a data folder."""
    several = [
        name for name in tree.folders if any(role_of(inner) == "train" for inner in _inner(tree, name))
    ]
    if len(several) > 1:
        folder = printable(os.fspath(root / several[0]))
        raise UserError(
            f"{printable(str(root))} holds several data folders: {names([f'{one}/' for one in several])}; "
            f"give one of them, such as {folder}"
        )
