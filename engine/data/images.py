"""The images of a run: paths and labels of each split, listed from folders or read from a recorded split."""

import csv
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.core.errors import UserError
from engine.core.files import is_plain, is_plain_path, replace_file
from engine.core.table import table
from engine.core.text import printable
from engine.data.split import split_groups, split_images
from engine.layout.copies import Listed, exact_copies, to_drop
from engine.layout.findings import Finding, names
from engine.layout.groups import subjects
from engine.layout.listing import Classes, Listing, list_data
from engine.recipe.sections import Data

Split = Literal["train", "val", "test"]
"""The name of a split."""

_RECORD = ("split", "class", "image")


@dataclass(frozen=True, slots=True)
class ImageSet:
    """The files of one split in a fixed order; ``labels`` are class indices, empty for ``test``.

    ``root`` is the folder of the split.
    """

    split: Split
    paths: list[Path]
    labels: list[int]
    root: Path = Path()

    @property
    def names(self) -> list[str]:
        """The paths relative to ``root``, with the class's folder: ``owl/2023/a.jpg``."""
        prefix = f"{self.root}/" if self.root != Path() else ""
        return [os.fspath(path).removeprefix(prefix) for path in self.paths]

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, slots=True)
class DataSet:
    """The class names and images of a run; ``how_split`` says where the validation images come from."""

    classes: list[str]
    train: ImageSet
    val: ImageSet
    test: ImageSet
    how_split: Literal["folders", "stratified"]
    left_out: tuple[Finding, ...] = ()
    warned: tuple[Finding, ...] = ()
    test_labels: tuple[int, ...] = ()
    """The class index of each test image, -1 for one without a label; empty if none has one."""
    dropped: tuple[str, ...] = ()
    """Names of training images that ``data.duplicates`` leaves out, relative to the folder of the split."""
    unlisted: int = 0
    """Number of files that are missing from the recorded split and therefore not used."""

    def labelled_train(self) -> Iterator[tuple[str, Path]]:
        """Yield the class and the path of each training image."""
        for label, path in zip(self.train.labels, self.train.paths, strict=True):
            yield self.classes[label], path


def scan(data: Data, seed: int, record: Path, *, files_move: bool = False, resumed: bool = False) -> DataSet:
    """Return the images of a recipe's ``[data]``, with classes and files sorted as text.

    Without a validation folder, ``val_fraction`` of each class is held out, chosen by ``seed``: at least one image,
    leaving at least one for training. With ``data.group`` whole groups are held out. With ``data.duplicates`` set to
    drop_from_train, exact copies are left out of the training images. The split is recorded in the file ``record`` and
    reused when the run is resumed; ``unlisted`` counts files added since. With ``files_move``, for runs that move
    outliers away, and with copies left out, a split by folders is recorded too. Raises UserError as
    ``engine.layout.listing.list_data`` does, and if the classes differ from those of the recorded split. For
    a ``resumed`` run, folders that train and val share are only a warning.
    """
    listing = list_data(data, refuse_shared=not resumed)
    root, classes = Path(data.train), listing.classes
    test = ImageSet("test", [Path(data.test, name) for name in listing.test], [], Path(data.test))
    by_folders = listing.val is not None
    parts = _read_record(record) if record.exists() else None
    unlisted, warned = 0, list(listing.warned)
    drops = data.duplicates == "drop_from_train"
    if parts is not None:
        _check_classes(classes, parts, record)
        unlisted = _count_unlisted(listing, parts)
    else:
        parts = (
            {"train": listing.train, "val": listing.val}
            if listing.val is not None
            else _split(listing.train, data, seed, warned)
        )
        if drops:
            parts = _without_copies(data, parts, listing, warned)
        if files_move or not by_folders or drops:
            _write_record(record, parts)
    train = _image_set("train", root, classes, parts["train"])
    val = _image_set("val", Path(data.val) if by_folders else root, classes, parts["val"])
    split: Literal["folders", "stratified"] = "folders" if by_folders else "stratified"
    dropped = tuple(name for names in parts.get("dropped", {}).values() for name in names)
    return DataSet(
        classes,
        train,
        val,
        test,
        split,
        listing.left_out,
        tuple(warned),
        _test_labels(listing),
        dropped,
        unlisted,
    )


def as_listed(data: Data) -> DataSet:
    """Return the images of the class folders as they are, without validation images if there is no folder for them.

    Raises UserError as ``engine.layout.listing.list_data`` does.
    """
    listing = list_data(data.model_copy(update={"test": ""}), splits=False)
    train = _image_set("train", Path(data.train), listing.classes, listing.train)
    val = _image_set("val", Path(data.val), listing.classes, listing.val or {})
    return DataSet(listing.classes, train, val, ImageSet("test", [], []), "folders")


def _test_labels(listing: Listing) -> tuple[int, ...]:
    if not any(listing.test_labels):
        return ()
    index = {name: label for label, name in enumerate(listing.classes)}
    return tuple(index.get(name, -1) for name in listing.test_labels)


def _image_set(split: Literal["train", "val"], root: Path, classes: list[str], listed: Classes) -> ImageSet:
    pairs = [(root / image, label) for label, name in enumerate(classes) for image in listed.get(name, ())]
    return ImageSet(split, [path for path, _ in pairs], [label for _, label in pairs], root)


def _split(listed: Classes, data: Data, seed: int, warned: list[Finding]) -> dict[str, Classes]:
    if not data.group:
        return split_images(listed, data.val_fraction, seed).parts
    by_class = {name: subjects(images, data.group) for name, images in listed.items()}
    division = split_groups(listed, by_class, data.val_fraction, seed)
    without = [name for name in division.without_val if len(listed[name]) > 1]
    if without:
        number = f"{len(without):,} class{'' if len(without) == 1 else 'es'}"
        text = f"no validation image of {number}, whose groups can't be divided; recall unknown: {names(without)}"
        warned.append(Finding("no validation", len(without), text, examples=tuple(without[:3])))
    return division.parts


def _without_copies(
    data: Data, parts: dict[str, Classes], listing: Listing, warned: list[Finding]
) -> dict[str, Classes]:
    """Return the parts with exact copies moved from train to ``dropped``, unless a class would be left empty."""
    roots = {"train": data.train, "val": data.val if listing.val is not None else data.train}
    images = [
        Listed(split, label, Path(roots[split], name))
        for split in ("train", "val")
        for label, files in parts[split].items()
        for name in files
    ]
    images += [
        Listed("test", label, Path(data.test, name))
        for name, label in zip(listing.test, listing.test_labels, strict=True)
    ]
    copies = {image.path for image in to_drop(exact_copies(images))}
    train: Classes = {}
    dropped: Classes = {}
    for label, files in parts["train"].items():
        kept = [name for name in files if Path(data.train, name) not in copies]
        if files and not kept:
            text = f"all {len(files):,} training images of {printable(label, 60)} are copies and are kept"
            warned.append(Finding("only copies", len(files), text, "it would have none left"))
            kept = files
        train[label] = kept
        dropped[label] = sorted(set(files) - set(kept))
    return {"train": train, "val": parts["val"], "dropped": dropped}


def _check_classes(classes: list[str], parts: dict[str, Classes], record: Path) -> None:
    if changes := class_changes(list(parts["train"]), classes):
        raise UserError(
            f"the classes of data.train are no longer those of the recorded split {printable(str(record))}: {changes}; "
            "put the folders back as they were, or start a new run: vrdl-tui train DATA"
        )


def _count_unlisted(listing: Listing, parts: dict[str, Classes]) -> int:
    train, val, dropped = parts["train"], parts["val"], parts.get("dropped", {})
    pairs = (
        [(listing.train, [train, val, dropped])]
        if listing.val is None
        else [(listing.train, [train, dropped]), (listing.val, [val])]
    )
    return sum(
        len(set(images).difference(*(part.get(name, ()) for part in known)))
        for listed, known in pairs
        for name, images in listed.items()
    )


def class_changes(before: list[str], now: list[str]) -> str:
    """Return a description of new and missing classes or of a changed order, "" if nothing changed."""
    parts = [
        f"{what} {', '.join(printable(name, 60) for name in names[:8])}"
        + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        for what, names in (
            ("new:", [name for name in now if name not in set(before)]),
            ("gone:", [name for name in before if name not in set(now)]),
        )
        if names
    ]
    return "; ".join(parts) or ("in another order" if before != now else "")


def _write_record(record: Path, parts: dict[str, Classes]) -> None:
    rows = (
        (split, *image.split("/", 1))
        for split, classes in parts.items()
        for images in classes.values()
        for image in images
    )
    replace_file(record, table(_RECORD, rows).encode("utf-8", "surrogateescape"))


def _read_record(record: Path) -> dict[str, Classes]:
    """Return the images by split and class, from the file that ``_write_record`` wrote.

    Raises UserError for any other content, because a path could lead out of the class folders.
    """
    parts: dict[str, Classes] = {"train": {}, "val": {}, "dropped": {}}
    try:
        with record.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) != _RECORD:
                raise ValueError(f"its first row isn't {','.join(_RECORD)}")
            for split, folder, image in rows:
                if split not in parts or not is_plain(folder) or not is_plain_path(image):
                    raise ValueError(f"{split}/{folder}/{image} is not an image in a class folder")
                label = unicodedata.normalize("NFC", folder)
                parts[split].setdefault(label, []).append(f"{folder}/{image}")
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(
            f"the recorded split {printable(str(record))} can't be read: {printable(str(error), 200)}; "
            "restore it from a backup, or delete it to split the images again"
        ) from None
    return parts
