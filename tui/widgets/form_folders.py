"""What folders hold, looked at by a thread: classes and images by ``engine.layout``, names only."""

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import UserError
from engine.core.text import count
from engine.layout.folders import find_folders
from engine.layout.listing import list_data
from engine.layout.tree import TooManyFilesError

_SAMPLES = 12
_MOST = 200_000
"""Files of a folder that is only walked past: a home folder may hold millions."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What a folder is as data. ``classes``: how many images each training class has.

    ``val`` and ``test``: images, None where there is no such folder. ``samples``: paths of a few training images, of
    different classes. ``said``: what is guessed, left out and warned of. ``problem``: why it can't be read.
    """

    classes: dict[str, int]
    val: int | None = None
    test: int | None = None
    samples: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    problem: str = ""

    @property
    def usable(self) -> bool:
        return len(self.classes) > 1

    def words(self) -> str:
        """Say it in a line; nothing for a folder without images."""
        if self.problem or not self.classes:
            return self.problem
        said = [count(len(self.classes), "class", "classes"), f"{sum(self.classes.values()):,} train"]
        said += [f"{self.val:,} val"] if self.val is not None else []
        said += [f"{self.test:,} test"] if self.test is not None else []
        return ", ".join(said)


def glance(folder: Path, most: int | None = None) -> Glance:
    """Look at a folder, as ``vrdl-tui train`` would; at no more than ``most`` files. Only names are read."""
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder):
            pass  # raises for one that can't be read
        found = find_folders(folder)
        listing = list_data(found.to_data(), splits=False, refuse_shared=False, least=0, most=most)
    except TooManyFilesError:
        return Glance({}, problem=f"more than {_MOST:,} files: choose it to have them counted")
    except UserError as error:
        return Glance({}, problem=str(error))
    except OSError as error:
        return Glance({}, problem=f"it can't be read: {error.strerror or error}")
    if not listing.train and any(one.kind == "run" for one in listing.left_out):
        return Glance({}, problem="runs, no images to train on")
    names = list(listing.train)
    step = max(1, len(names) // _SAMPLES)
    samples = [str(found.train / listing.train[name][0]) for name in names[::step]]
    for name in names:
        samples += [str(found.train / file) for file in listing.train[name][1:3]]
    left_out = f"left out: {' · '.join(map(str, listing.left_out))}"
    return Glance(
        {name: len(files) for name, files in listing.train.items()},
        None if listing.val is None else sum(map(len, listing.val.values())),
        len(listing.test) if found.test else None,
        tuple(samples[:_SAMPLES]),
        (*found.said, *([left_out] if listing.left_out else []), *map(str, listing.warned)),
    )


class Glances:
    """Looks at folders in a thread, the one asked for last first; ``on_news`` is called from it after each."""

    def __init__(self, on_news: Callable[[], object]) -> None:
        self._on_news = on_news
        self._known: dict[Path, Glance] = {}
        self._wanted: list[Path] = []
        self._guard = threading.Condition()
        self._stopped = False
        threading.Thread(target=self._serve, name="folders", daemon=True).start()

    def get(self, folder: Path) -> Glance | None:
        return self._known.get(folder)

    def want(self, folders: list[Path]) -> None:
        """Ask for these, the most urgent first, and for none that was asked for before."""
        with self._guard:
            self._wanted = [one for one in folders if one not in self._known]
            self._guard.notify()

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            self._guard.notify()

    def _serve(self) -> None:
        while True:
            with self._guard:
                while not self._wanted and not self._stopped:
                    self._guard.wait()
                if self._stopped:
                    return
                folder = self._wanted.pop(0)
            self._known[folder] = glance(folder, _MOST)
            if not self._stopped:
                self._on_news()
