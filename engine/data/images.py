"""The images of a run: paths and labels of each split, listed from folders or as the run recorded them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.compute.rng import Purpose, stream
from engine.layout.findings import Finding
from engine.layout.listing import Classes, Listing, list_data
from engine.recipe.sections import Data
from engine.run.data_now import Past, look_at_data
from engine.run.recorded_images import Recorded, write_record

Split = Literal["train", "val", "test"]
"""The name of a split."""


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
_OF_CLASSES = ("no validation", "lone image", "imbalance", "split as class", "nested classes")
"""Kinds of findings about the classes in the folders."""


def scan(data: Data, seed: int, record: Path, past: Past = _BEGINNING) -> DataSet:
    """Return the images of a recipe's ``[data]``, with classes and files sorted as text.

    Without a validation folder, ``val_fraction`` of each class is held out, chosen by ``seed``: at least one image,
    leaving at least one for training. The images are recorded in the file ``record``, and a resumed run uses those;
    ``changes`` says what was added or lost since. Raises UserError as ``engine.run.data_now.look_at_data`` does.
    """
    now = look_at_data(data, record, past)
    listing, root = now.listing, Path(data.train)
    parts = _split(now.train, data.val_fraction, seed) if now.val is None else (now.train, now.val)
    images = Recorded(*parts, listing.test)
    if not now.is_recorded:
        write_record(record, images)
    classes = list(images.train)
    train = _image_set("train", root, classes, images.train)
    val = _image_set("val", Path(data.val) if now.by_folders else root, classes, images.val)
    test = ImageSet("test", [Path(data.test, name) for name in listing.test], [], Path(data.test))
    split: Literal["folders", "stratified"] = "folders" if now.by_folders else "stratified"
    labels = _test_labels(listing, classes)
    of_classes = () if classes == listing.classes else _OF_CLASSES  # the run doesn't use the new ones
    warned = tuple(finding for finding in listing.warned if finding.kind not in of_classes)
    return DataSet(classes, train, val, test, split, listing.left_out, warned, labels, now.said)


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


def _split(listed: Classes, fraction: float, seed: int) -> tuple[Classes, Classes]:
    train: Classes = {}
    val: Classes = {}
    for number, (name, images) in enumerate(listed.items()):
        count = 0 if len(images) < 2 else min(max(1, round(len(images) * fraction)), len(images) - 1)
        chosen = set(stream(seed, Purpose.SPLIT, index=number).permutation(len(images))[:count].tolist())
        val[name] = [image for i, image in enumerate(images) if i in chosen]
        train[name] = [image for i, image in enumerate(images) if i not in chosen]
    return train, val
