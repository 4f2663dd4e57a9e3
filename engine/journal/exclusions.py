"""Which training images are excluded in which epoch."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.core.text import encodable
from engine.journal.events import OutlierExcluded, OutlierRestored

Change = TypeVar("Change", bound=OutlierExcluded | OutlierRestored)


def below(change: Change, root: str | Path) -> Change:
    """Return ``change`` with its path below the training folder ``root``, and where it was moved to beside it.

    The journal records absolute paths, and the data may have been moved since, with the quarantine beside them.
    """
    file = change.file or f"{change.class_name}/{Path(change.path).name}"
    path = encodable(str(Path(root, file)))
    if path == change.path:
        return change
    old = f"{change.path.removesuffix(encodable(f'/{file}'))}-quarantine/"
    if isinstance(change, OutlierExcluded) and change.moved_to.startswith(old):
        moved_to = encodable(f"{root}-quarantine/{change.moved_to.removeprefix(old)}")
        return msgspec.structs.replace(change, path=path, moved_to=moved_to)
    return msgspec.structs.replace(change, path=path)


class Exclusions:
    """The excluded images by epoch, so that a resumed run excludes the same ones as an uninterrupted run."""

    def __init__(self, changes: Iterable[OutlierExcluded | OutlierRestored] = ()) -> None:
        self.changes: list[OutlierExcluded | OutlierRestored] = []
        """In the order of the journal."""
        for change in changes:
            self.add(change)

    def add(self, change: OutlierExcluded | OutlierRestored) -> None:
        """Append a change."""
        self.changes.append(change)

    def paths(self) -> set[str]:
        """Return the path of every image that was ever excluded."""
        return {change.path for change in self.changes}

    def at(self, epoch: int) -> dict[str, OutlierExcluded]:
        """Return the images excluded in ``epoch``, by path."""
        excluded: dict[str, OutlierExcluded] = {}
        for change in self.changes:
            if change.from_epoch > epoch:
                continue
            if isinstance(change, OutlierExcluded):
                excluded[change.path] = change
            else:
                excluded.pop(change.path, None)
        return excluded

    def now(self) -> dict[str, OutlierExcluded]:
        """Return the images excluded once every change is in force, by path."""
        return self.at(max((change.from_epoch for change in self.changes), default=0))
