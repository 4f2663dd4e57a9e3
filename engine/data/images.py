"""The images of a run: paths and labels of each split, listed from folders or as the run recorded them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.core.text import count, names, printable
from engine.data.split import split_groups, split_images
from engine.layout.copies import exact_copies, of_split, of_test, to_drop
from engine.layout.findings import Finding
from engine.layout.folders import Split
from engine.layout.groups import subjects
from engine.layout.listing import OF_CLASSES, Classes, Listing, list_data
from engine.recipe.sections import Data
from engine.run.data_now import Past, look_at_data
from engine.run.recorded_images import Recorded, write_record


def relative_names(paths: list[Path], root: Path) -> list[str]:
    """Return the names of ``paths`` below ``root``, "/"-separated."""
    prefix = f"{root}/" if root != Path() else ""
    return [os.fspath(path).removeprefix(prefix) for path in paths]


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
        return relative_names(self.paths, self.root)

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
    changes: tuple[str, ...] = ()
    """What was added or lost since the run recorded its images: sentences, safe to show."""

    def labelled_train(self) -> Iterator[tuple[str, Path]]:
        """Yield the class and the path of each training image."""
        for label, path in zip(self.train.labels, self.train.paths, strict=True):
            yield self.classes[label], path

    def labelled_test(self) -> dict[Path, str]:
        """Return the class of each test image with a label; only scores may depend on it."""
        return {
            path: self.classes[label]
            for path, label in zip(self.test.paths, self.test_labels, strict=False)
            if label >= 0
        }


_BEGINNING = Past()


def scan(data: Data, seed: int, record: Path, past: Past = _BEGINNING) -> DataSet:
    """Return the images of a recipe's ``[data]``, with classes and files sorted as text.

    Without a validation folder, ``val_fraction`` of each class is held out, chosen by ``seed``: at least one image,
    leaving at least one for training. With ``data.group`` whole groups are held out. With ``data.duplicates`` set to
    drop_from_train, exact copies are left out of the training images. The images are recorded in the file ``record``,
    and a resumed run uses those; ``changes`` says what was added or lost since. Raises UserError as
    ``engine.run.data_now.look_at_data`` does.
    """
    now = look_at_data(data, record, past)
    listing, root = now.listing, Path(data.train)
    warned = list(listing.warned)
    parts = _split(now.train, data, seed, warned) if now.val is None else (now.train, now.val)
    images = Recorded(*parts, listing.test, now.dropped)
    if now.begins and data.duplicates == "drop_from_train":
        images = _without_copies(data, images, listing, warned)
    if not now.is_recorded:
        write_record(record, images)
    classes = list(images.train)
    train = _image_set("train", root, classes, images.train)
    val = _image_set("val", Path(data.val) if now.by_folders else root, classes, images.val)
    test = ImageSet("test", [Path(data.test, name) for name in listing.test], [], Path(data.test))
    split: Literal["folders", "stratified"] = "folders" if now.by_folders else "stratified"
    labels = _test_labels(listing, classes)
    if classes != listing.classes:  # the run doesn't use the new ones
        warned = [finding for finding in warned if finding.kind not in OF_CLASSES]
    dropped = tuple(name for names in images.dropped.values() for name in names)
    return DataSet(
        classes, train, val, test, split, listing.left_out, tuple(warned), labels, dropped, now.said
    )


def as_listed(data: Data) -> DataSet:
    """Return the images of the class folders as they are, without validation images if there is no folder for them.

    Raises UserError as ``engine.layout.listing.list_data`` does.
    """
    listing = list_data(data.model_copy(update={"test": ""}), splits=False)
    train = _image_set("train", Path(data.train), listing.classes, listing.train)
    val = _image_set("val", Path(data.val), listing.classes, listing.val or {})
    return DataSet(listing.classes, train, val, ImageSet("test", [], []), "folders")


def _test_labels(listing: Listing, classes: list[str]) -> tuple[int, ...]:
    if not any(listing.test_labels):
        return ()
    index = {name: label for label, name in enumerate(classes)}
    return tuple(index.get(name, -1) for name in listing.test_labels)


def _image_set(split: Literal["train", "val"], root: Path, classes: list[str], listed: Classes) -> ImageSet:
    pairs = [(root / image, label) for label, name in enumerate(classes) for image in listed.get(name, ())]
    return ImageSet(split, [path for path, _ in pairs], [label for _, label in pairs], root)


def _split(listed: Classes, data: Data, seed: int, warned: list[Finding]) -> tuple[Classes, Classes]:
    if not data.group:
        division = split_images(listed, data.val_fraction, seed)
        return division.train, division.val
    by_class = {name: subjects(images, data.group) for name, images in listed.items()}
    division = split_groups(listed, by_class, data.val_fraction, seed)
    without = [name for name in division.without_val if len(listed[name]) > 1]
    if without:
        number = count(len(without), "class", "classes")
        text = f"no validation image of {number}, whose groups can't be divided; recall unknown: {names(without)}"
        warned.append(Finding("no validation", len(without), text, examples=tuple(without[:3])))
    return division.train, division.val


def _without_copies(data: Data, parts: Recorded, listing: Listing, warned: list[Finding]) -> Recorded:
    """Return the parts with exact copies moved from train to ``dropped``, unless a class would be left empty."""
    root = data.val if listing.val is not None else data.train
    held_out = of_split("val", root, parts.val)
    images = [*of_split("train", data.train, parts.train), *held_out, *of_test(listing)]
    copies = {image.path for image in to_drop(exact_copies(images))}
    train: Classes = {}
    dropped: Classes = {}
    for label, files in parts.train.items():
        kept = [name for name in files if Path(data.train, name) not in copies]
        if files and not kept:
            text = f"all {len(files):,} training images of {printable(label, 60)} are copies and are kept"
            warned.append(Finding("only copies", len(files), text, "it would have none left"))
            kept = files
        train[label] = kept
        dropped[label] = sorted(set(files) - set(kept))
    return Recorded(train, parts.val, parts.test, dropped)
