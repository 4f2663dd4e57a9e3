"""The images of a run's folders by split and class, with everything that is left out."""

import os
import unicodedata
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from engine.core.errors import UserError
from engine.core.text import count, encodable, names, printable
from engine.layout.findings import Finding, Tally
from engine.layout.folders import Split, split_of
from engine.layout.groups import group_findings, suggest
from engine.layout.not_a_folder import refuse
from engine.layout.tree import Identity, Tree, identity, is_folder, read_tree, unreadable
from engine.recipe.sections import Data

Classes = dict[str, list[str]]
"""Names of images by class: relative to the split's folder, "/"-separated, with the class's folder, sorted as text."""

OF_CLASSES = frozenset(("no validation", "lone image", "imbalance", "split as class", "nested"))
"""Kinds of findings about the classes in the folders, which a run that keeps its own classes doesn't have."""
_UNEVEN = 10


@dataclass(frozen=True, slots=True)
class Listing:
    """The images of a run, by class for training and validation (None: to be split off).

    Names are relative to the split's folder: ``owl/2023/a.jpg``. ``test_labels`` are the classes of the test images, ""
    where the folder of one is no class of the training images.
    """

    data: Data
    train: Classes
    val: Classes | None
    test: list[str]
    test_labels: list[str]
    left_out: tuple[Finding, ...] = ()
    warned: tuple[Finding, ...] = ()
    groups: int = 0
    """Number of groups by ``data.group``, which are held out whole; 0 without."""

    @property
    def classes(self) -> list[str]:
        """The names of the classes, sorted as text."""
        return list(self.train)

    @property
    def images(self) -> int:
        """The number of images in all splits."""
        return _images_of(self.train) + _images_of(self.val or {}) + len(self.test)

    def summary(self) -> list[str]:
        """Return up to three lines, safe to show: what was found, what is left out, what is probably a mistake."""
        lines = [f"found     {self.found()}"]
        lines += [f"left out  {' · '.join(map(str, self.left_out))}"] if self.left_out else []
        lines += [f"warned    {' · '.join(map(str, self.warned))}"] if self.warned else []
        return lines

    def found(self) -> str:
        """Return the numbers of images by split, safe to show, with the name of a folder that isn't the usual one."""
        number = len(self.train)
        parts = [
            f"train {_images_of(self.train):,} images in {count(number, 'class', 'classes')}"
            + self._place(self.data.train, "train")
        ]
        if self.val is None:
            whole = f" in whole groups, of {self.groups:,}" if self.groups else ""
            parts.append(f"val {self.data.val_fraction:.0%} of each class, held out{whole}")
        else:
            parts.append(f"val {_images_of(self.val):,}" + self._place(self.data.val, "val"))
        if self.test:
            labelled = sum(map(bool, self.test_labels))
            labels = "" if not labelled else f" ({labelled:,} with labels)"
            parts.append(f"test {len(self.test):,}" + self._place(self.data.test, "test") + labels)
        else:
            parts.append("no test images")
        return " · ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return the listing as an object for ``--json``: folders, counts, ``left_out`` and ``warned``."""
        return {
            "train": {"folder": printable(self.data.train), "images": _images_of(self.train)},
            "val": None
            if self.val is None
            else {"folder": printable(self.data.val), "images": _images_of(self.val)},
            "test": {
                "folder": printable(self.data.test),
                "images": len(self.test),
                "labelled": sum(map(bool, self.test_labels)),
            },
            "classes": {
                name: {"train": len(images), "val": None if self.val is None else len(self.val.get(name, ()))}
                for name, images in self.train.items()
            },
            "left_out": [finding.to_json() for finding in self.left_out],
            "warned": [finding.to_json() for finding in self.warned],
        }

    @staticmethod
    def _place(folder: str, usual: str) -> str:
        name = Path(folder).name
        return f" from {printable(name, 60)}/" if name != usual else ""


def list_data(
    data: Data, *, splits: bool = True, refuse_shared: bool = True, refuse_extra: bool = True, least: int = 2,
    most: int | None = None,
) -> Listing:  # fmt: skip
    """List and check the images in the folders that a recipe's ``[data]`` names.

    The class of an image is the first folder below ``data.train``, however deep it lies (``data.recursive=false``:
    directly in it). A folder that is also ``data.val`` or ``data.test`` is no class of ``data.train``.

    Raises UserError if a folder is missing, if there are fewer than ``least`` classes, if val has a class that train
    hasn't, if train and val share folders, and, with ``splits``, if no validation image can be split off;
    TooManyFilesError if a split has more than ``most`` files. With ``refuse_shared=False`` shared folders are only
    warned of, so that a run that began with them can be resumed, and with ``refuse_extra=False`` so are classes that
    only val has, since a run that has begun keeps its own classes.
    """
    for key, folder in (("data.train", data.train), ("data.val", data.val), ("data.test", data.test)):
        if not folder and key == "data.train":
            raise UserError(f"{key}: no such folder: (empty)")
        if folder and not Path(folder).is_dir():
            refuse(Path(folder), key)
    warned: list[Finding] = []
    if shared := _shared(data.train, data.val) if data.val else "":
        remedy = "leave data.val empty to hold out data.val_fraction of each class, or name a separate folder"
        if refuse_shared:
            raise UserError(f"{shared}; {remedy}")
        warned.append(Finding("shared folder", 1, shared, remedy))
    left_out = Tally()
    train = _read(data, "train", left_out, most)
    classes = _classes(data.train, train, left_out, warned)
    if len(classes) < least:
        _refuse(data.train, train, classes)
    val = _validation(data, classes, left_out, warned, most, refuse_extra=refuse_extra) if data.val else None
    groups = 0
    if val is not None:
        warned += _unused_groups(data)
    elif splits:
        _check_split(classes, warned)
        groups = _groups(data, classes, warned)
    test, labels = _test(data, classes, left_out, warned, most) if data.test else ([], [])
    _beside(data, left_out)
    warned += [*_overlapping_test(data, test), *_odd_names(train, classes), *_imbalance(classes)]
    return Listing(data, classes, val, test, labels, left_out.findings(), tuple(warned), groups)


def _read(data: Data, split: Split, left_out: Tally, most: int | None) -> Tree:
    folder = {"train": data.train, "val": data.val, "test": data.test}[split]
    others = {other for other in (data.train, data.val, data.test) if other and other != folder}
    without = frozenset(identity(Path(other)) for other in others) - {identity(Path(folder))}
    tree = read_tree(
        Path(folder), recursive=data.recursive, without=_inside(folder, others, without), most=most
    )
    left_out.merge(tree.left_out)
    for name, number in tree.deeper.items():
        left_out.add(
            "sub-folders", f"in sub-folders of {printable(name, 60)}", f"in sub-folders of {printable(name, 60)}",
            name, remedy="data.recursive=false", count=number,
        )  # fmt: skip
    return tree


def _inside(folder: str, others: set[str], without: frozenset[Identity]) -> frozenset[Identity]:
    """Return ``without`` if any of ``others`` can be met below ``folder``: identities cost a call for each folder."""
    root = os.path.realpath(folder)
    return (
        without if any(os.path.realpath(other).startswith(root + os.sep) for other in others) else frozenset()
    )


def _classes(folder: str, tree: Tree, left_out: Tally, warned: list[Finding]) -> Classes:
    """Return the images of a tree by class. Raises UserError for a class whose name isn't UTF-8 text."""
    forms: dict[str, list[str]] = {}
    for name, images in tree.folders.items():
        if not images:
            if name not in tree.deeper:
                left_out.add("empty class", "folder without images", "folders without images", name)
            continue
        if encodable(name) != name:  # class names are written to prediction.csv
            raise UserError(
                f"class folder {printable(str(Path(folder, name)))}: its name isn't UTF-8 text; rename it"
            )
        forms.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    for label, merged in forms.items():
        if len(merged) > 1:
            text = (
                f"{len(merged)} folders named {printable(label, 60)} in different Unicode forms are one class"
            )
            warned.append(Finding("Unicode forms", len(merged), text))
    for name in tree.loose:
        left_out.add("loose", "image outside the class folders", "images outside the class folders", name)
    # Sorted already, but for a class of several folders.
    listed = {label: [tree.folders[name] for name in forms[label]] for label in sorted(forms)}
    return {label: parts[0] if len(parts) == 1 else sorted(chain(*parts)) for label, parts in listed.items()}


def _refuse(folder: str, tree: Tree, classes: Classes) -> NoReturn:
    """Raise UserError for a training folder with no class or one."""
    shown = printable(folder)
    found = tree.left_out.findings()
    out = f" (left out: {' · '.join(map(str, found))})" if found else ""
    if not classes:
        hint = f"; its {len(tree.loose):,} images are not in class folders" if tree.loose else ""
        raise UserError(f"no images in class folders below {shown}{hint}; expected {shown}/CLASS/*.jpg{out}")
    only = printable(next(iter(classes)), 80)
    raise UserError(f"only one class ({only}) in {shown}; a classifier needs two{out}")


def _validation(
    data: Data,
    classes: Classes,
    left_out: Tally,
    warned: list[Finding],
    most: int | None,
    *,
    refuse_extra: bool,
) -> Classes | None:
    """Return the images of data.val by class, None if it has none at all."""
    tree = _read(data, "val", left_out, most)
    found = _classes(data.val, tree, Tally(), warned)
    shown = printable(data.val)
    if not found:
        if tree.loose:
            raise UserError(
                f"data.val: the {len(tree.loose):,} images of {shown} are not in class folders; expected "
                f"{shown}/CLASS/*.jpg, or leave data.val empty to hold out data.val_fraction of each class"
            )
        text = f"data.val ({shown}) holds no images: data.val_fraction of each class is held out instead"
        warned.append(Finding("empty val", 1, text))
        return None
    for name in tree.loose:
        left_out.add("loose", "image outside the class folders", "images outside the class folders", name)
    extra = [name for name in found if name not in classes]
    if extra and not refuse_extra:
        text = f"{count(len(extra), 'class', 'classes')} of data.val not in data.train: {names(extra)}"
        warned.append(Finding("extra validation", len(extra), text, "not used"))
    elif extra:
        raise UserError(
            f"data.val has classes that data.train hasn't: {names(extra)}{_other_spelling(extra, classes)}; rename or "
            "remove their folders, add training images, or leave data.val empty to hold out data.val_fraction of "
            "each class"
        )
    if missing := [name for name in classes if name not in found]:
        text = (
            f"no validation image of {count(len(missing), 'class', 'classes')}, whose recall stays unknown: "
            f"{names(missing)}"
        )
        warned.append(Finding("no validation", len(missing), text))
    return {name: found.get(name, []) for name in classes}


def _other_spelling(extra: list[str], classes: Classes) -> str:
    known = {name.casefold(): name for name in classes}
    for name in extra:
        if same := known.get(name.casefold()):
            return f" (data.train has {printable(same, 60)})"
    return ""


def _groups(data: Data, classes: Classes, warned: list[Finding]) -> int:
    """Return the number of groups that ``data.group`` makes; without it, suggest one where names come in groups."""
    if data.group:
        groups, found = group_findings(classes, data.group)
        warned += found
        return groups
    if (suggestion := suggest(classes)) is not None:
        warned.append(suggestion.finding())
    return 0


def _unused_groups(data: Data) -> list[Finding]:
    if not data.group:
        return []
    text = "data.group has no effect: data.val names the validation images"
    return [Finding("groups", 1, text, "leave data.val empty to hold out whole groups")]


def _check_split(classes: Classes, warned: list[Finding]) -> None:
    lone = [name for name, images in classes.items() if len(images) < 2]
    if lone and len(lone) == len(classes):
        raise UserError(
            f"class {names(lone)} has one image only, too few to split off a validation set; "
            "add images, or a val folder"
        )
    if lone:
        text = (
            f"{count(len(lone), 'class has', 'classes have')} one image only, which is trained on: its recall stays "
            f"unknown: {names(lone)}"
        )
        warned.append(Finding("lone image", len(lone), text))


def _test(
    data: Data, classes: Classes, left_out: Tally, warned: list[Finding], most: int | None
) -> tuple[list[str], list[str]]:
    images = _read(data, "test", left_out, most).images()
    labels = labels_of(images, list(classes))
    if any(labels) and (without := labels.count("")):
        unknown = unlabelled_folders(images, labels)
        aside = f" (no class of data.train: {names(unknown)})" if unknown else ""
        text = f"{without:,} of {len(images):,} test images have no label and aren't scored{aside}"
        warned.append(Finding("unlabelled", without, text))
    return images, labels


def labels_of(images: list[str], classes: list[str]) -> list[str]:
    """Return the class of each test image, "" for one without a label.

    The class is the one whose name, in any Unicode form, is that of the first folder in the image's name.
    """
    known = {unicodedata.normalize("NFC", name): name for name in classes}
    return [
        known.get(unicodedata.normalize("NFC", image.split("/", 1)[0]), "") if "/" in image else ""
        for image in images
    ]


def unlabelled_folders(images: list[str], labels: list[str]) -> list[str]:
    """Return the first-level folders of test images that are no class, in the order of ``images``."""
    without = (image for image, label in zip(images, labels, strict=True) if not label and "/" in image)
    return list(dict.fromkeys(image.split("/", 1)[0] for image in without))


def _beside(data: Data, left_out: Tally) -> None:
    """Count what lies beside a training folder that is a split by its name, and is none of the run's folders."""
    train = Path(data.train)
    if split_of(train.name) != "train":
        return
    used = {os.path.realpath(folder) for folder in (data.train, data.val, data.test) if folder}
    quarantine = f"{train.name}-quarantine"
    try:
        with os.scandir(train.parent) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith(".") or os.path.realpath(entry.path) in used:
                    continue
                if entry.name == quarantine:
                    left_out.add("quarantine", "quarantine", "quarantines", entry.name)
                elif entry.is_dir():
                    left_out.add(
                        "beside", "folder beside the splits", "folders beside the splits", f"{entry.name}/"
                    )
                else:
                    left_out.add("beside", "file beside the splits", "files beside the splits", entry.name)
    except OSError:  # a folder above the data that may not be read
        return


def _odd_names(tree: Tree, classes: Classes) -> list[Finding]:
    found = []
    splits = [name for name in classes if split_of(name) is not None]
    if splits:
        text = f"class {names(splits)} has the name of a split"
        found.append(Finding("split as class", len(splits), text, "as a split: data.val or data.test"))
    shared = _common_folders(tree)
    if len(classes) > 1 and len(shared) > 1:
        folders = names([f"{name}/" for name in classes])
        text = f"{folders} hold folders of the same names: {names(sorted(shared))}"
        found.append(
            Finding("nested", len(shared), text, "if those are the classes, give one of the folders")
        )
    return found


def _common_folders(tree: Tree) -> set[str]:
    """Return the second-level folders that all first-level ones have, if no image lies outside them."""
    common: set[str] | None = None
    for images in tree.folders.values():
        if not images:
            continue
        if any(image.count("/") == 1 for image in images):
            return set()
        inner = {image.split("/", 2)[1] for image in images}
        common = inner if common is None else common & inner
    return common or set()


def _imbalance(classes: Classes) -> list[Finding]:
    if not classes:
        return []
    sizes = {name: len(images) for name, images in classes.items()}
    least, most = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    if sizes[most] < _UNEVEN * sizes[least]:
        return []
    text = (
        f"{sizes[most]:,} images of {printable(most, 60)} and {sizes[least]:,} of {printable(least, 60)}: accuracy "
        "will be mostly that of the large classes"
    )
    return [Finding("imbalance", sizes[most] // sizes[least], text)]


def _images_of(classes: Classes) -> int:
    return sum(map(len, classes.values()))


def _subfolders(folder: Path) -> dict[Identity, Path]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                entry.path for entry in entries if not entry.name.startswith(".") and is_folder(entry)
            )
    except OSError as error:
        raise unreadable(folder, error) from None
    return {identity(Path(path)): Path(path) for path in found}


def _shared(train: str, val: str) -> str:
    """Return how validation would measure images that are trained on, "" if the folders are separate."""
    shared = _overlap(train, val)
    return shared and f"{shared}: validation would measure images that are trained on"


def _overlap(train: str, val: str) -> str:
    """Return how train is val, lies in it or shares a class folder; "" if not, or if val is a folder in train."""
    one, other = Path(os.path.realpath(train)), Path(os.path.realpath(val))
    in_train, in_val = identity(one), identity(other)
    if in_train == in_val:
        return f"data.val is the same folder as data.train ({printable(train)})"
    if in_val in map(identity, one.parents):
        return f"data.train ({printable(train)}) lies inside data.val ({printable(val)})"
    if in_train in map(identity, other.parents):
        return ""
    trained = _subfolders(one)
    for found, folder in _subfolders(other).items():
        if found in trained:
            there, here = (printable(str(path)) for path in (trained[found], folder))
            return f"{here} of data.val is the same folder as {there} of data.train"
    return ""


def _overlapping_test(data: Data, test: list[str]) -> list[Finding]:
    """Return a finding if the test folder is that of train or val."""
    if not data.test:
        return []
    remedy = "give test images a folder of their own, or leave data.test empty"
    own = identity(Path(data.test))
    for key, folder in (("data.train", data.train), ("data.val", data.val)):
        if folder and own == identity(Path(folder)):
            text = (
                f"data.test is the same folder as {key} ({printable(data.test)}): the run knows these images"
            )
            return [Finding("shared folder", len(test), text, remedy)]
    return []
