"""Which folders below a data folder are the splits."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from engine.core.errors import UserError
from engine.core.text import names, printable
from engine.layout.not_a_folder import is_run_folder, refuse
from engine.layout.tree import Peek
from engine.recipe.sections import Data

Split = Literal["train", "val", "test"]
"""The name of a split, and of its folder in the README."""

_SPLITS: dict[str, Split] = {
    "train": "train", "training": "train", "trainset": "train", "train_set": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "valset": "val", "val_set": "val", "dev": "val", "eval": "val",
    "test": "test", "testing": "test", "testset": "test", "test_set": "test", "tst": "test",
}  # fmt: skip
_DEEPEST = 8


def split_of(name: str) -> Split | None:
    """Return which split a folder's name stands for, in any case; None for another name."""
    return _SPLITS.get(name.casefold().replace("-", "_"))


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


def find_folders(root: Path) -> DataFolders:
    """Return the folders of ``root``: those of the splits below it, or ``root`` itself as ``train``.

    A folder is a split by its name (``train``, ``training``; ``val``, ``valid``, ``validation``; ``test``, ``testing``;
    in any case) and by what it holds: ``train`` with images of its own beside other classes is a class. Where all
    images lie below a single folder that has the classes or splits, that one is taken. Few names are read. Raises
    UserError for what is no folder or no data, and where several folders could be meant.
    """
    if not root.is_dir() or is_run_folder(root):
        refuse(root)
    root = root.resolve()
    said: tuple[str, ...] = ()
    for _ in range(_DEEPEST):
        peek = Peek(root)
        found = _splits(peek)
        if found is not None:
            return DataFolders(found.train, found.val, found.test, said)
        inner = _only_folder(peek)
        if inner is None:
            _refuse_several(peek)
            flat = _flat(peek)
            return DataFolders(flat.train, flat.val, flat.test, said + flat.said)
        root = inner
        said = (f"the classes are in {printable(str(root))}",)
    return DataFolders(root, None, None, said)


def _by_split(peek: Peek) -> dict[Split, list[Peek]]:
    found: dict[Split, list[Peek]] = {"train": [], "val": [], "test": []}
    for inner in peek.folders():
        if (split := split_of(inner.path.name)) is not None:
            found[split].append(inner)
    return found


def _splits(peek: Peek) -> DataFolders | None:
    """Return the splits if there is a training folder among the first-level folders."""
    found = _by_split(peek)
    trains = [one for one in found["train"] if _any(one.filled())]
    if not trains and found["train"] and not any(split_of(one.path.name) is None for one in peek.filled()):
        trains = found["train"]
    if not trains:
        return None
    return DataFolders(
        _one(peek, "train", trains),
        _one(peek, "val", found["val"]) if found["val"] else None,
        _one(peek, "test", found["test"]) if found["test"] else None,
    )


def _flat(peek: Peek) -> DataFolders:
    """Return the splits of a folder of classes: a test folder beside them, and a val folder with the same classes."""
    found = _by_split(peek)
    root, said = peek.path, []
    val = test = None
    if vals := [one for one in found["val"] if _has_same_classes(one, root)]:
        val = _one(peek, "val", vals)
    if tests := [one for one in found["test"] if one.holds_images()]:
        no_classes = {one.path for one in (*vals, *tests)}
        if len(list(islice((one for one in peek.filled() if one.path not in no_classes), 2))) == 2:
            test = _one(peek, "test", tests)
    for key, folder, what in (("val", val, "the validation images"), ("test", test, "the test images")):
        if folder is not None:
            said.append(f"{printable(str(folder))} holds {what} (as a class: --set data.{key}=)")
    return DataFolders(root, val, test, tuple(said))


def _any(found: Iterator[Peek]) -> bool:
    return next(found, None) is not None


def _has_same_classes(val: Peek, root: Path) -> bool:
    return any((root / one.path.name).is_dir() for one in val.filled())


def _one(peek: Peek, split: Split, found: list[Peek]) -> Path:
    if len(found) > 1:
        raise UserError(
            f"{names([f'{one.path.name}/' for one in found])} in {printable(str(peek.path))} could each be "
            f"data.{split}; name one: --set data.{split}={printable(str(found[0].path))}"
        )
    return found[0].path


def _only_folder(peek: Peek) -> Path | None:
    """Return the one first-level folder with images, if they all lie in folders of its own and none beside it."""
    filled = list(islice(peek.filled(), 2))
    if len(filled) != 1 or peek.has_images() or filled[0].has_images() or not _any(filled[0].filled()):
        return None
    return filled[0].path


def _refuse_several(peek: Peek) -> None:
    """Raise UserError if first-level folders have splits of their own: each is a data folder."""
    several = [
        one
        for one in peek.folders()
        if any(split_of(inner.path.name) == "train" and _any(inner.filled()) for inner in one.folders())
    ]
    if len(several) > 1:
        raise UserError(
            f"{printable(str(peek.path))} holds several data folders: "
            f"{names([f'{one.path.name}/' for one in several])}; give one of them, such as "
            f"{printable(str(several[0].path))}"
        )
