"""Excluding and restoring images: files, journal and ledger together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from engine.control.commands import Exclude, Restore
from engine.core.errors import UserError
from engine.core.text import encodable, printable
from engine.journal.events import Event, OutlierExcluded, OutlierRestored, RunWarning, ThresholdSet
from engine.journal.exclusions import Exclusions, below
from engine.journal.state import OutlierStage
from engine.outliers.files.ledger import write_ledger
from engine.outliers.files.place import beside
from engine.outliers.files.quarantine import NOT_NAMED, Quarantine, sha256_of
from engine.recipe.recipe import Recipe
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace

E = TypeVar("E", bound=Event)
"""The type of the emitted event."""


class Emit(Protocol):
    """Callable that writes an event to the journal and returns it with its sequence number and time."""

    def __call__(self, event: E, /) -> E: ...


@dataclass(frozen=True, slots=True)
class Flagged:
    """An outlier that hasn't been acted on."""

    path: Path
    event: OutlierExcluded
    """The event to emit, without ``action``, ``sha256`` and ``moved_to``."""


class OutlierActions:
    """Excludes and restores a run's training images, for the outlier stage and for commands. One per run."""

    def __init__(
        self, run: RunDir, recipe: Recipe, before: OutlierStage, emit: Emit, room: DiskSpace
    ) -> None:
        self.room = room
        self.exclusions = Exclusions(below(change, recipe.data.train) for change in before.changes)
        self.judged: dict[str, ThresholdSet] = dict(before.thresholds)
        """Verdicts of the scored classes, by class name."""
        self._run = run
        self._root = Path(recipe.data.train)
        self._emit = emit
        self._files = _files(recipe, run)

    def act(self, flagged: Sequence[Flagged]) -> None:
        """Apply the recipe's ``outliers.action`` to each outlier that was never excluded before.

        An image whose file can't be moved or deleted is excluded with a warning, and the file stays in place. Raises
        UserError if a disk fails partway; repeating the call completes it.
        """
        known = self.exclusions.paths()
        fresh = [one for one in flagged if one.event.path not in known]
        if self._files is None:
            self._only_exclude(fresh)
            return
        try:
            taken = self._files.take([(one.path, one.event) for one in fresh])
        except UserError as error:
            self._emit(RunWarning(message=f"{error}; the outliers are excluded, their files stay in place"))
            self._only_exclude(fresh)
            return
        except OSError as error:
            raise UserError(
                f"outliers can't be moved or deleted: {printable(str(error))}; fix it and resume"
            ) from None
        for event, problem in taken:
            if problem:
                message = f"{printable(event.path)} is excluded, but its file stays in place: {problem}"
                self._emit(RunWarning(message=message))
            self._record(event)

    def exclude(self, command: Exclude, images: Iterable[tuple[str, Path]], *, from_epoch: int) -> str:
        """Exclude ``command.paths``, leaving their files in place, and return a description for the user.

        ``images`` are the run's training images with their classes. Raises UserError, in which case nothing changes.
        """
        excluded = self.exclusions.now()
        known = {encodable(str(path)): (name, path) for name, path in images}
        left: dict[str, int] = {}
        for named, (name, _) in known.items():
            left[name] = left.get(name, 0) + (named not in excluded)
        events, again = [], 0
        for asked in dict.fromkeys(command.paths):
            named = self._named(asked)
            if named not in known:
                raise UserError(f"{printable(asked)} is not a training image of this run")
            if named in excluded:
                done = excluded[named]
                # An interrupted attempt at this command may have recorded some of its images, but no answer. A
                # checkpoint being saved at the time may belong to the following epoch.
                if done.action == "exclude" and done.by == command.by and done.from_epoch >= from_epoch - 1:
                    again += 1
                    continue
                raise UserError(f"{printable(asked)} is already excluded")
            name, path = known[named]
            left[name] -= 1
            if not left[name]:
                raise UserError(f"class {printable(name)} would have no training images left")
            error, threshold = self._error(name, self._file(named))
            events.append(
                OutlierExcluded(
                    class_name=name,
                    path=named,
                    error=error,
                    threshold=threshold,
                    action="exclude",
                    sha256=sha256_of(path),
                    from_epoch=from_epoch,
                    by=command.by,
                    file=self._file(named),
                )
            )
        for event in events:
            self._record(event)
        self.write_ledger()
        return f"{_images(len(events) + again)} excluded"

    def restore(self, command: Restore, *, from_epoch: int) -> str:
        """Return excluded images to training, move quarantined files back, and return a description for the user.

        Raises UserError if none could be restored.
        """
        problems: list[str] = []
        restored = 0
        chosen = self._chosen(command)
        for outlier, problem in zip(chosen, self._put_back(chosen), strict=True):
            if problem:
                problems.append(f"{printable(outlier.path)}: {problem}")
                continue
            self.exclusions.add(
                self._emit(
                    OutlierRestored(
                        class_name=outlier.class_name,
                        path=outlier.path,
                        from_epoch=from_epoch,
                        by=command.by,
                        file=self._file(outlier.path),
                    )
                )
            )
            restored += 1
        if not restored:
            more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
            raise UserError(f"nothing was restored; {problems[0]}{more}")
        self.write_ledger()
        failed = f"; {len(problems)} could not be: {problems[0]}" if problems else ""
        return f"{_images(restored)} restored{failed}"

    def write_ledger(self) -> None:
        """Write ``outliers.csv``, or emit a warning if that fails."""
        path = self._run.outliers
        try:
            self.room.keep_trying(lambda: write_ledger(path, self.exclusions.changes), path)
        except OSError as error:
            self._emit(RunWarning(message=f"{path.name} can't be written: {error.strerror}"))

    def _only_exclude(self, flagged: Iterable[Flagged]) -> None:
        for one in flagged:
            self._record(msgspec.structs.replace(one.event, action="exclude", sha256=sha256_of(one.path)))

    def _record(self, event: OutlierExcluded) -> None:
        self.exclusions.add(self._emit(event))

    def _named(self, asked: str) -> str:
        """Return a path as the journal records it; CLASS/FILE is relative to the training folder."""
        return encodable(str(self._root / asked))

    def _chosen(self, command: Restore) -> list[OutlierExcluded]:
        excluded = self.exclusions.now()
        if command.paths:
            for asked in command.paths:
                if self._named(asked) not in excluded:
                    raise UserError(
                        f"{printable(asked)} is not excluded; vrdl-tui outliers list shows excluded images"
                    )
            return [excluded[self._named(asked)] for asked in dict.fromkeys(command.paths)]
        chosen = [one for one in excluded.values() if command.class_name in ("", one.class_name)]
        if not chosen:
            where = f" of class {printable(command.class_name)}" if command.class_name else ""
            raise UserError(f"no image{where} is excluded")
        return chosen

    def _put_back(self, outliers: Sequence[OutlierExcluded]) -> list[str]:
        """Move quarantined files back; return for each outlier "" or why its file can't be moved back."""
        if self._files is None:
            return [""] * len(outliers)
        away = [one for one in outliers if one.action != "exclude"]
        places = [self._file(one.path).rpartition("/") for one in away]
        found = self._files.restore([(folder, file) for folder, _, file in places])
        expected = f"; if the data were moved: put the run's quarantine into {printable(str(beside(self._root)))} too"
        problems = {
            one.path: problem + (expected if problem == NOT_NAMED and one.action == "quarantine" else "")
            for one, problem in zip(away, found, strict=True)
        }
        return [problems.get(one.path, "") for one in outliers]

    def _file(self, path: str) -> str:
        """Return a path of the journal relative to the training folder."""
        return path.removeprefix(encodable(str(self._root)) + "/")

    def _error(self, class_name: str, file: str) -> tuple[float, float]:
        judged = self.judged.get(class_name)
        files = [in_train(one, class_name) for one in judged.files] if judged else []
        if judged is None or file not in files:
            return 0.0, 0.0
        return judged.errors[files.index(file)], judged.threshold


def in_train(file: str, class_name: str) -> str:
    """Return a file of ``ThresholdSet`` relative to the training folder: earlier versions recorded only its name."""
    return file if "/" in file else f"{class_name}/{file}"


def _files(recipe: Recipe, run: RunDir) -> Quarantine | None:
    if recipe.outliers.action == "exclude":
        return None
    try:
        return Quarantine(Path(recipe.data.train), run, recipe.outliers.action)
    except OSError as error:
        raise UserError(f"the manifest of the outliers can't be read: {printable(str(error))}") from None


def _images(number: int) -> str:
    return f"{number:,} image{'' if number == 1 else 's'}"
