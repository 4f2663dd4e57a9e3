"""What folders hold, looked at by a thread: classes and images by ``engine.recipe.data_layout``, names only."""

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import UserError
from engine.recipe.data_layout import find_folders, list_classes, list_images
from engine.run.directory import find_runs
from tui.widgets.wording import count

_SAMPLES = 12


@dataclass(frozen=True, slots=True)
class Glance:
    """What a folder is as data. ``classes``: how many images each training class has.

    ``val`` and ``test``: images, None where there is no such folder. ``samples``: paths of a few training images, of
    different classes. ``problem``: why it can't be read.
    """

    classes: dict[str, int]
    val: int | None = None
    test: int | None = None
    samples: tuple[str, ...] = ()
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


def glance(folder: Path) -> Glance:
    """Look at a folder, as ``vrdl-tui train`` would. Reads the names in it and in the folders of its classes."""
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder):
            pass  # raises for one that can't be read, which the search for runs passes over
        if find_runs(folder, depth=1):
            return Glance({}, problem="runs, no images to train on")  # their pictures would count as some
        found = find_folders(folder)
        listed = list_classes(found.train)
        val = sum(map(len, list_classes(found.val).values())) if found.val else None
        test = len(list_images(found.test)) if found.test else None
    except UserError as error:
        return Glance({}, problem=str(error))
    except OSError as error:
        return Glance({}, problem=f"it can't be read: {error.strerror or error}")
    names = list(listed)
    step = max(1, len(names) // _SAMPLES)
    samples = [str(found.train / name / listed[name][0]) for name in names[::step]]
    for name in names:
        samples += [str(found.train / name / file) for file in listed[name][1:3]]
    return Glance({name: len(files) for name, files in listed.items()}, val, test, tuple(samples[:_SAMPLES]))


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
            self._known[folder] = glance(folder)
            if not self._stopped:
                self._on_news()
