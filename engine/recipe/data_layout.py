"""Paths given by the user, and the image files of a data folder. Only names are read; no image is opened."""

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from engine.core.errors import UserError
from engine.core.text import encodable, printable

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
)
"""Suffixes of image files, in lower case."""

_ENDINGS = tuple(IMAGE_SUFFIXES)


def expand_home(path: str | Path) -> Path:
    """Return ``path`` with ``~`` or ``~user`` expanded as in a shell. Raises UserError for an unknown home folder."""
    try:
        return Path(path).expanduser()
    except (RuntimeError, ValueError):  # no such user, or an invalid user name
        name = Path(path).parts[0][1:]
        why = f"there is no user {printable(name, 80)}" if name else "your home folder is not known"
        raise UserError(f"{printable(str(path))}: {why}; give the whole path") from None


@dataclass(frozen=True, slots=True)
class DataFolders:
    """The training, validation and test folders of a data folder; ``val`` and ``test`` are None if missing."""

    train: Path
    val: Path | None
    test: Path | None


def find_folders(root: Path) -> DataFolders:
    """Return the folders of ``root``: ``train/``, ``val/`` and ``test/`` below it, or ``root`` itself as ``train``.

    Raises UserError if there is no folder ``root``.
    """
    if not root.is_dir():
        raise UserError(f"no such folder: {printable(str(root))}")
    root = root.resolve()
    if not (root / "train").is_dir():
        return DataFolders(root, None, None)
    val, test = root / "val", root / "test"
    return DataFolders(root / "train", val if val.is_dir() else None, test if test.is_dir() else None)


def list_images(folder: Path) -> list[str]:
    """Return the names of the image files directly in ``folder``, sorted as text.

    A link counts as its target. Pipes, sockets, devices and broken links are skipped without being opened. Raises
    UserError if the folder can't be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if not entry.name.startswith(".")
                and entry.name.lower().endswith(_ENDINGS)
                and _is_file(entry)
            )
    except OSError as error:
        raise UserError(f"{printable(str(folder))} can't be read: {error.strerror}") from None


def list_classes(folder: Path) -> dict[str, list[str]]:
    """Return image names by class folder, classes sorted as text; folders without images are omitted.

    Raises UserError if the folder can't be read or the name of a class isn't UTF-8 text.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry)
            )
    except OSError as error:
        raise UserError(f"{printable(str(folder))} can't be read: {error.strerror}") from None
    for name in names:
        if encodable(name) != name:  # class names are written to prediction.csv
            raise UserError(
                f"class folder {printable(str(folder / name))}: its name isn't UTF-8 text; rename it"
            )
    listed = {name: list_images(folder / name) for name in names}
    return {name: images for name, images in listed.items() if images}


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a loop of links, or a target without permission
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


class Suspicion(NamedTuple):
    """Something in a data folder that is allowed but probably a mistake."""

    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.found}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Listing:
    """Image names by class for training and validation (None: to be split off), and the names of the test images."""

    train: dict[str, list[str]]
    val: dict[str, list[str]] | None
    test: list[str]
    test_labels: list[str] = field(default_factory=list)
    """The class of each test image, "" for one without a label."""
    suspicions: tuple[Suspicion, ...] = ()

    @property
    def classes(self) -> list[str]:
        """The names of the classes, sorted as text."""
        return list(self.train)


def list_data(train: str, val: str, test: str, *, splits: bool = True, refuse_shared: bool = True) -> Listing:
    """List and check the images in the folders that a recipe's ``[data]`` names.

    Raises UserError if a folder is missing, if there are no images or only one class, if train and val have different
    classes or share folders, and, with ``splits``, if a class is too small to split off validation images. With
    ``refuse_shared=False`` shared folders are only a suspicion, so that a run that began with them can be resumed.
    """
    for key, folder in (("data.train", train), ("data.val", val), ("data.test", test)):
        if not (Path(folder).is_dir() if folder else key != "data.train"):
            raise UserError(f"{key}: no such folder: {printable(folder) or '(empty)'}")
    suspicions = []
    if shared := _overlap(train, val) if val else "":
        suspicion = Suspicion(
            f"{shared}: validation would measure images that are trained on",
            "leave data.val empty to hold out data.val_fraction of each class, or name a separate folder",
        )
        if refuse_shared:
            raise UserError(str(suspicion))
        suspicions.append(suspicion)
    classes = list_classes(Path(train))
    if not classes:
        loose = len(list_images(Path(train)))
        hint = f"; its {loose} images are not in class folders" if loose else ""
        shown = printable(train)
        raise UserError(f"no images in class folders below {shown}{hint}; expected {shown}/CLASS/*.jpg")
    if len(classes) == 1:
        only = printable(next(iter(classes)), 80)
        raise UserError(f"only one class ({only}) in {printable(train)}; a classifier needs two")
    val_classes = list_classes(Path(val)) if val else None
    if val_classes is not None:
        _check_same_classes(classes, val_classes, train, val)
    elif splits:
        lone = [name for name, images in classes.items() if len(images) < 2]
        if lone:
            raise UserError(
                f"class {_names(lone)} has one image only, too few to split off a validation set; "
                "add images, or a val folder"
            )
    tested = list_test(Path(test)) if test else []
    labels = labels_of(tested, list(classes))
    for key, folder in (("data.train", train), ("data.val", val)):
        if folder and test and (overlap := _test_overlap(key, folder, test, len(tested))):
            suspicions.append(
                Suspicion(overlap, "give test images a folder of their own, or leave data.test empty")
            )
            break
    return Listing(classes, val_classes, tested, labels, tuple(suspicions))


def list_test(folder: Path) -> list[str]:
    """Return the test images' names relative to ``folder``."""
    names = []
    for place, folders, _ in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names += [str(Path(place, name).relative_to(folder)) for name in list_images(Path(place))]
    return sorted(names)


def labels_of(names: list[str], classes: list[str]) -> list[str]:
    """Return the class of each test image, "" for one without a label.

    An image has the label of the first folder of its name, if that is named like one of ``classes``, in any Unicode
    form.
    """
    known = {unicodedata.normalize("NFC", name): name for name in classes}
    return [
        known.get(unicodedata.normalize("NFC", name.split("/")[0]), "") if "/" in name else ""
        for name in names
    ]


def _identity(folder: Path) -> tuple[int, int]:
    """Return device and inode, equal for one folder under two names (links, bind mounts). Raises UserError."""
    try:
        status = folder.stat()
    except OSError as error:
        raise UserError(f"{printable(str(folder))} can't be read: {error.strerror}") from None
    return status.st_dev, status.st_ino


def _subfolders(folder: Path) -> dict[tuple[int, int], Path]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                entry.path for entry in entries if not entry.name.startswith(".") and _is_folder(entry)
            )
    except OSError as error:
        raise UserError(f"{printable(str(folder))} can't be read: {error.strerror}") from None
    return {_identity(Path(path)): Path(path) for path in found}


def _overlap(train: str, val: str) -> str:
    """Return how one folder contains the other, or which class folder they share; "" if they are separate."""
    one, other = Path(os.path.realpath(train)), Path(os.path.realpath(val))
    in_train, in_val = _identity(one), _identity(other)
    if in_train == in_val:
        return f"data.val is the same folder as data.train ({printable(train)})"
    if in_train in map(_identity, other.parents):
        return f"data.val ({printable(val)}) lies inside data.train ({printable(train)})"
    if in_val in map(_identity, one.parents):
        return f"data.train ({printable(train)}) lies inside data.val ({printable(val)})"
    trained = _subfolders(one)
    for identity, folder in _subfolders(other).items():
        if identity in trained:
            there, here = (printable(str(path)) for path in (trained[identity], folder))
            return f"{here} of data.val is the same folder as {there} of data.train"
    return ""


def _test_overlap(key: str, folder: str, test: str, images: int) -> str:
    """Return a message if the test folder is ``folder`` or one of its class folders, else ""."""
    identity = _identity(Path(test))
    if identity == _identity(Path(folder)):
        return (
            f"data.test is the same folder as {key} ({printable(test)}): only the {images} images directly in it are "
            "predicted, none of its class folders"
        )
    if identity in _subfolders(Path(folder)):
        return (
            f"data.test ({printable(test)}) is a class folder of {key}: the run uses these images, so their "
            "prediction says nothing about new ones"
        )
    return ""


def _check_same_classes(
    train: dict[str, list[str]], val: dict[str, list[str]], train_path: str, val_path: str
) -> None:
    missing = [name for name in train if name not in val]
    extra = [name for name in val if name not in train]
    parts = [f"only in {printable(train_path)}: {_names(missing)}"] if missing else []
    parts += [f"only in {printable(val_path)}: {_names(extra)}"] if extra else []
    if parts:
        raise UserError(f"the classes of train and val differ; {'; '.join(parts)}")


def _names(names: list[str]) -> str:
    shown = ", ".join(printable(name, 60) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
