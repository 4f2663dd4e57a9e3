"""Which training images are left out in which epoch."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.core.text import encodable
from engine.journal.events import OutlierExcluded, OutlierRestored

Change = TypeVar("Change", bound=OutlierExcluded | OutlierRestored)


def below(change: Change, root: str | Path) -> Change:
    """Return ``change`` with the path that its class and file name have below the training folder ``root``.

    The journal has whole paths, and the data may have been moved since.
    """
    path = encodable(str(Path(root, change.class_name, Path(change.path).name)))
    return change if path == change.path else msgspec.structs.replace(change, path=path)


class Exclusions:
    """The journal's changes by epoch, so that a resumed run leaves out in each epoch what the unbroken one does."""

    def __init__(self, changes: Iterable[OutlierExcluded | OutlierRestored] = ()) -> None:
        self.changes: list[OutlierExcluded | OutlierRestored] = []
        """In order."""
        for change in changes:
            self.add(change)

    def add(self, change: OutlierExcluded | OutlierRestored) -> None:
        self.changes.append(change)

    def paths(self) -> set[str]:
        """Return every path that was ever left out."""
        return {change.path for change in self.changes}

    def at(self, epoch: int) -> dict[str, OutlierExcluded]:
        """Return, by path, what is left out in ``epoch``."""
        left_out: dict[str, OutlierExcluded] = {}
        for change in self.changes:
            if change.from_epoch > epoch:
                continue
            if isinstance(change, OutlierExcluded):
                left_out[change.path] = change
            else:
                left_out.pop(change.path, None)
        return left_out

    def now(self) -> dict[str, OutlierExcluded]:
        """Return, by path, what is left out once every change is in force."""
        return self.at(max((change.from_epoch for change in self.changes), default=0))
