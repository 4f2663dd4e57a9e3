"""The image files below a folder, by its first-level folders; what else lies there is counted."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.errors import UserError
from engine.core.text import printable
from engine.layout.findings import Tally
from engine.layout.kinds import NOT_IMAGES, UNREADABLE, Kind, readable_suffixes, sniff

_RUN_FILES = frozenset(("recipe.toml", "events.jsonl", "ablation.toml"))
_QUARANTINE = "manifest.jsonl"
_SYSTEM = frozenset(("__MACOSX", "lost+found", "@eaDir", "$RECYCLE.BIN", "System Volume Information"))

_DEEPEST = 64

Identity = tuple[int, int]
"""Device and inode of a folder, equal for one folder under two names (links, bind mounts)."""


@dataclass(slots=True)
class Tree:
    """What lies below a folder: names of images relative to it, "/"-separated, sorted as text.

    ``folders`` holds those of each first-level folder, in the order of their names, also if there are none;
    ``loose`` are images directly in it; ``deeper`` counts, by first-level folder, images in sub-folders that
    ``recursive=False`` leaves out.
    """

    loose: list[str] = field(default_factory=list)
    folders: dict[str, list[str]] = field(default_factory=dict)
    deeper: dict[str, int] = field(default_factory=dict)
    left_out: Tally = field(default_factory=Tally)

    def images(self) -> list[str]:
        """Return all images, sorted as text."""
        return sorted([*self.loose, *(image for images in self.folders.values() for image in images)])


class TooManyFilesError(UserError):
    """Raised where a folder holds more files than the caller wants to read."""


def identity(folder: Path) -> Identity:
    """Return what identifies a folder under all its names. Raises UserError if it can't be read."""
    try:
        status = folder.stat()
    except OSError as error:
        raise unreadable(folder, error) from None
    return status.st_dev, status.st_ino


def unreadable(folder: Path | str, error: OSError) -> UserError:
    """Return the error for a folder that can't be read."""
    return UserError(f"{printable(str(folder))} can't be read: {error.strerror}")


def read_tree(
    root: Path,
    *,
    recursive: bool = True,
    without: frozenset[Identity] = frozenset(),
    most: int | None = None,
) -> Tree:
    """Return the images below ``root``, reading each folder once.

    Links to files and folders count as their targets, unless a folder leads back to one above it. Folders in
    ``without`` and folders that a run, an ablation or a quarantine has written are not entered. Raises UserError if a
    folder can't be read, TooManyFilesError after ``most`` files.
    """
    tree = Tree()
    walk = _Walk(tree.left_out, without, most)
    files, folders = walk.entries(str(root), "") or ([], [])
    tree.loose = sorted(files)
    above = (os.path.realpath(root),)
    for name, linked in sorted(folders):
        path = f"{root}/{name}"
        if walk.is_excluded(path):
            continue
        found = walk.below(path, name, above, linked=linked)
        if found is None:
            continue
        if recursive:
            tree.folders[name] = found
        else:
            direct = [image for image in found if image.count("/") == 1]
            tree.folders[name] = direct
            if len(direct) < len(found):
                tree.deeper[name] = len(found) - len(direct)
    return tree


def list_images(folder: Path, *, recursive: bool = True) -> list[str]:
    """Return the images below ``folder``, relative to it and sorted as text. Raises UserError if it can't be read."""
    return read_tree(folder, recursive=recursive).images()


def _followed(link: str, above: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return ``above``, the real paths that have led to a link, with its own; None if it leads back to one of them."""
    real, here = os.path.realpath(link), os.path.realpath(Path(link).parent)
    return None if real in above or f"{here}/".startswith(f"{real}/") else (*above, real)


class Peek:
    """What a folder holds, found out by reading as few names as possible."""

    def __init__(self, path: Path, above: tuple[str, ...] | None = None) -> None:
        self.path = path
        self._above = (os.path.realpath(path),) if above is None else above
        self._readable = readable_suffixes()

    def folders(self) -> Iterator["Peek"]:
        """Yield the folders that may hold data, in the order of their names."""
        try:
            with os.scandir(self.path) as entries:
                found = sorted(
                    (entry.name, entry.is_symlink())
                    for entry in entries
                    if entry.name[0] != "." and entry.name not in _SYSTEM and is_folder(entry)
                )
        except OSError as error:
            raise unreadable(self.path, error) from None
        for name, linked in found:
            above = _followed(f"{self.path}/{name}", self._above) if linked else self._above
            if above is None:
                continue
            inner = Peek(self.path / name, above)
            if not any((inner.path / one).exists() for one in (*_RUN_FILES, _QUARANTINE)):
                yield inner

    def has_images(self) -> bool:
        """Return whether there are images directly in the folder."""
        unknown = []
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - many names
                    if entry.name[0] == "." or not _is_file(entry):
                        continue
                    if suffix in self._readable:
                        return True
                    if suffix not in UNREADABLE and suffix not in NOT_IMAGES:
                        unknown.append(entry.path)
        except OSError as error:
            raise unreadable(self.path, error) from None
        return any((kind := sniff(Path(path))) is not None and kind.readable for path in sorted(unknown))

    def filled(self, depth: int = _DEEPEST) -> Iterator["Peek"]:
        """Yield the folders in it that hold images, however deep."""
        for inner in self.folders():
            if inner.holds_images(depth):
                yield inner

    def holds_images(self, depth: int = _DEEPEST) -> bool:
        """Return whether there are images in the folder, however deep."""
        return self.has_images() or (depth > 0 and next(self.filled(depth - 1), None) is not None)


class _Walk:
    """Reads folders, counting what is left out."""

    def __init__(self, left_out: Tally, without: frozenset[Identity], most: int | None) -> None:
        self._left_out = left_out
        self._without = without
        self._most = most
        self._met = 0
        self._readable = readable_suffixes()

    def is_excluded(self, path: str) -> bool:
        """Return whether the caller names this folder as another split."""
        return bool(self._without) and identity(Path(path)) in self._without

    def below(self, path: str, prefix: str, above: tuple[str, ...], *, linked: bool) -> list[str] | None:
        """Return the images below a folder, with ``prefix/``; None for one that isn't data."""
        if linked:
            followed = _followed(path, above)
            if followed is None:
                self._left_out.add("loop", "link to a folder above it", "links to folders above them", prefix)
                return []
            above = followed
        found = self.entries(path, prefix)
        if found is None:
            return None
        images, folders = found
        images.sort()
        within = f"{prefix}/"
        images = [within + name for name in images]
        if not folders:
            return images
        if prefix.count("/") >= _DEEPEST:
            self._left_out.add("deep", "folder too deep", "folders too deep", prefix, count=len(folders))
            return images
        nothing = not images and bool(folders)
        for name, is_link in sorted(folders):
            inner = f"{path}/{name}"
            if self.is_excluded(inner):
                continue
            deeper = self.below(inner, f"{prefix}/{name}", above, linked=is_link)
            nothing &= deeper is None
            images += deeper or []
        return None if nothing else sorted(images)

    def entries(self, path: str, prefix: str) -> tuple[list[str], list[tuple[str, bool]]] | None:
        """Return the image files, and the folders with whether they are links; None for a folder that isn't data."""
        images: list[str] = []
        folders: list[tuple[str, bool]] = []
        others: list[tuple[str, os.DirEntry[str]]] = []
        readable = self._readable
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    name = entry.name
                    dot = name.rfind(".")
                    suffix = name[dot:].lower() if dot > 0 else ""
                    if suffix in readable and name[0] != "." and _is_file(entry):
                        images.append(name)
                    elif name[0] != "." and is_folder(entry):
                        if name in _SYSTEM:
                            self._left_out.add(
                                "system", "system folder", "system folders", _join(prefix, name)
                            )
                        else:
                            folders.append((name, entry.is_symlink()))
                    else:
                        others.append((suffix, entry))
        except OSError as error:
            raise unreadable(path, error) from None
        self._met += len(images) + len(folders) + len(others)
        if self._most is not None and self._met > self._most:
            raise TooManyFilesError(f"more than {self._most:,} files below {printable(path)}")
        if prefix:
            beside = {entry.name for _, entry in others}
            if not beside.isdisjoint(_RUN_FILES):
                self._left_out.add("run", "run's folder", "runs' folders", prefix)
                return None
            if _QUARANTINE in beside:
                self._left_out.add("quarantine", "quarantine", "quarantines", prefix)
                return None
        images += [
            entry.name for suffix, entry in sorted(others, key=_name) if self._is_image(suffix, entry, prefix)
        ]
        return images, folders

    def _is_image(self, suffix: str, entry: os.DirEntry[str], prefix: str) -> bool:
        """Count what is no readable image; return whether it is one after all, by its first bytes."""
        shown = _join(prefix, entry.name)
        if entry.name.startswith("."):
            self._left_out.add("hidden", "hidden file or folder", "hidden files and folders", shown)
        elif not _is_file(entry):
            if entry.is_symlink():
                self._left_out.add("broken link", "broken link", "broken links", shown)
            else:
                self._left_out.add("special", "pipe, socket or device", "pipes, sockets or devices", shown)
        elif suffix in UNREADABLE:
            self._unreadable(UNREADABLE[suffix], shown)
        elif suffix in NOT_IMAGES:
            self._left_out.add("not an image", "not an image", "not images", shown)
        else:
            kind = sniff(Path(entry.path))
            if kind is not None and kind.readable:
                return True
            if kind is not None:
                self._unreadable(kind, shown)
            else:
                self._left_out.add("not an image", "not an image", "not images", shown)
        return False

    def _unreadable(self, kind: Kind, shown: str) -> None:
        self._left_out.add(kind.name, kind.name, kind.name, shown, remedy=kind.remedy)


def _name(pair: tuple[str, os.DirEntry[str]]) -> str:
    return pair[1].name


def _join(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a loop of links, or a target without permission
        return False


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, or a link to one that can be followed."""
    try:
        return entry.is_dir()
    except OSError:
        return False
