"""Byte-identical images, found by size and then by content. Images are read, not decoded."""

import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Literal, NamedTuple

from engine.core.files import open_regular
from engine.core.text import count
from engine.layout.findings import Finding
from engine.layout.folders import Split
from engine.layout.listing import Classes, Listing

Kind = Literal["train-val", "train-test", "val-test", "classes", "class"]
"""Where copies of one image are: in two splits, in two classes of one split, or within a class."""

KINDS: dict[Kind, str] = {
    "train-val": "in train and val",
    "train-test": "in train and test",
    "val-test": "in val and test",
    "classes": "in several classes",
    "class": "twice in a class",
}
"""What each kind is called, the worst first."""

FEW = 4000
"""Images, up to which looking for exact copies takes less than half a second on a slow disk."""

_TAIL, _PART = 4096, 1 << 20
# A file of another kind that pretends to be an image would be read whole.
_LARGEST = 1 << 30


class Listed(NamedTuple):
    """An image of a split; ``label`` is the name of its class, "" for a test image without one."""

    split: Split
    label: str
    path: Path


@dataclass(frozen=True, slots=True)
class Copies:
    """Images that are copies of each other: byte for byte if ``exact``, else by a perceptual hash."""

    images: tuple[Listed, ...]
    exact: bool = True

    @property
    def kind(self) -> Kind:
        """The worst of the kinds that the copies are."""
        splits = {image.split for image in self.images}
        if "train" in splits and len(splits) > 1:
            return "train-val" if "val" in splits else "train-test"
        if len(splits) > 1:
            return "val-test"
        return "classes" if self.conflict else "class"

    @property
    def conflict(self) -> bool:
        """Whether the copies have different labels, of which at most one can be right."""
        return len({image.label for image in self.images} - {""}) > 1


def images_of(listing: Listing) -> list[Listed]:
    """Return the images of a listing: train, val, test, by class and name."""
    data = listing.data
    trained = of_split("train", data.train, listing.train)
    return [*trained, *of_split("val", data.val, listing.val or {}), *of_test(listing)]


def of_split(split: Split, root: str, classes: Classes) -> list[Listed]:
    """Return the images of ``classes`` below the folder ``root``."""
    return [Listed(split, label, Path(root, name)) for label, names in classes.items() for name in names]


def of_test(listing: Listing) -> list[Listed]:
    """Return the test images of a listing."""
    tested = zip(listing.test, listing.test_labels, strict=True)
    return [Listed("test", label, Path(listing.data.test, name)) for name, label in tested]


def exact_copies(images: Sequence[Listed], tick: Callable[[], object] = lambda: None) -> list[Copies]:
    """Return the groups of byte-identical images, in the order of their first images.

    Only files of equal size are opened, and only those are read whole whose last 4 KB are equal too: the end of an
    image is compressed pixels, whereas many begin with the same headers. Links count as their targets. Files that
    are missing, empty or unreadable are passed over: training names them. ``tick`` is called for each image, and again
    before one is read.
    """
    sizes: dict[int, dict[tuple[int, int], list[Listed]]] = defaultdict(lambda: defaultdict(list))
    for image in images:
        tick()
        try:
            status = image.path.stat()
        except OSError:
            continue
        if 0 < status.st_size <= _LARGEST:
            sizes[status.st_size][status.st_dev, status.st_ino].append(image)
    groups: list[list[Listed]] = []
    for files in sizes.values():
        for alike in _divided(list(files.values()), _tail, tick):
            groups += [[image for file in same for image in file] for same in _divided(alike, _content, tick)]
    order = {image.path: place for place, image in enumerate(images)}
    copies = [
        Copies(tuple(sorted(group, key=lambda image: order[image.path])))
        for group in groups
        if len(group) > 1
    ]
    return sorted(copies, key=lambda one: order[one.images[0].path])


def _divided(
    files: list[list[Listed]], key: Callable[[Path], Hashable | None], tick: Callable[[], object]
) -> Iterable[list[list[Listed]]]:
    """Divide files, each with its names, into those of equal ``key``."""
    if len(files) == 1:
        return [files]
    parts: dict[Hashable, list[list[Listed]]] = defaultdict(list)
    for file in files:
        tick()
        if (value := key(file[0].path)) is not None:
            parts[value].append(file)
    return parts.values()


def _tail(path: Path) -> bytes | None:
    try:
        with open_regular(path, _LARGEST) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            return blake2b(file.read(_TAIL), digest_size=16).digest()
    except OSError:
        return None


def _content(path: Path) -> bytes | None:
    try:
        with open_regular(path, _LARGEST) as file:
            digest = blake2b(digest_size=32)
            while part := file.read(_PART):
                digest.update(part)
            return digest.digest()
    except OSError:
        return None


def with_copies(listing: Listing) -> Listing:
    """Return the listing with warnings of exact copies, unless there are too many images to look at at once.

    The files of up to 4,000 images are looked at. The engine looks at all, while it trains.
    """
    if listing.images > FEW:
        return listing
    found = warnings_of(exact_copies(images_of(listing)), drops=listing.data.duplicates == "drop_from_train")
    return replace(listing, warned=(*listing.warned, *found))


def to_drop(copies: Iterable[Copies]) -> list[Listed]:
    """Return the training images that ``data.duplicates=drop_from_train`` leaves out.

    Those are copies of validation or test images, and of copies within a class all but the first. Of copies in
    different classes any may have the right label, so all are kept.
    """
    dropped: list[Listed] = []
    for one in copies:
        trained = [image for image in one.images if image.split == "train"]
        if len(trained) < len(one.images):
            dropped += trained
            continue
        seen: set[str] = set()
        for image in trained:
            if image.label in seen:
                dropped.append(image)
            seen.add(image.label)
    return dropped


def warnings_of(copies: Iterable[Copies], *, drops: bool = False) -> tuple[Finding, ...]:
    """Return what is to be said about copies before training, one finding per kind, the worst first.

    ``drops``: ``data.duplicates=drop_from_train`` applies, which is then said instead.
    """
    counted: dict[Kind, list[str]] = {kind: [] for kind in KINDS}
    conflicts: list[str] = []
    for one in copies:
        counted[one.kind] += _counted(one)
        if one.conflict and one.kind != "classes":
            conflicts += [str(image.path) for image in one.images]
    dropped: set[Kind] = {"train-val", "train-test", "class"} if drops else set()
    found = [
        _finding(f"copies {kind}", names, *_WORDS[kind], _DROPPED if kind in dropped else _LIST)
        for kind, names in counted.items()
        if names
    ]
    return (
        *found,
        *([_finding("copies of other labels", conflicts, *_CONFLICT, _LIST)] if conflicts else ()),
    )


def _counted(copies: Copies) -> list[str]:
    """Return the paths that are counted: those of the split that is scored, all of a conflict, the second copies."""
    kind, images = copies.kind, copies.images
    if kind == "classes":
        chosen = images
    elif kind == "class":
        chosen = images[1:]
    else:
        scored = kind.rpartition("-")[2]
        chosen = tuple(image for image in images if image.split == scored)
    return [str(image.path) for image in chosen]


_WORDS: dict[Kind, tuple[str, str]] = {
    "train-val": ("validation image is also in train", "validation images are also in train"),
    "train-test": ("test image is also in train", "test images are also in train"),
    "val-test": ("test image is also in val", "test images are also in val"),
    "classes": (
        "image is a copy of one in another class",
        "images are copies of each other in different classes",
    ),
    "class": ("image is a second copy within its class", "images are second copies within their classes"),
}
_CONFLICT = ("image has a copy with another label", "images have copies with another label")
_LIST = "list: doctor DATA --duplicates"
_DROPPED = "dropped from train: data.duplicates=drop_from_train"


def _finding(kind: str, names: list[str], singular: str, plural: str, remedy: str) -> Finding:
    return Finding(kind, len(names), count(len(names), singular, plural), remedy, tuple(names[:3]))
