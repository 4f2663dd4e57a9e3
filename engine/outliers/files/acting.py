"""Leaving images out and letting them back in: files, journal and ledger together."""

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
from engine.outliers.files.quarantine import Quarantine, sha256_of
from engine.recipe.recipe import Recipe
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace

E = TypeVar("E", bound=Event)


class Emit(Protocol):
    """Writes an event into the journal and returns it with its number and time."""

    def __call__(self, event: E, /) -> E: ...


@dataclass(frozen=True, slots=True)
class Flagged:
    """An outlier whose file is at ``path``; ``event`` says all of it but what was done."""

    path: Path
    event: OutlierExcluded


class OutlierActions:
    """What the stage, a command or a person decides on a run's training images. One for a run."""

    def __init__(
        self, run: RunDir, recipe: Recipe, before: OutlierStage, emit: Emit, room: DiskSpace
    ) -> None:
        self.room = room
        self.exclusions = Exclusions(below(change, recipe.data.train) for change in before.changes)
        self.judged: dict[str, ThresholdSet] = dict(before.thresholds)
        """By class name."""
        self._run = run
        self._root = Path(recipe.data.train)
        self._emit = emit
        self._files = _files(recipe, run)

    def act(self, flagged: Sequence[Flagged]) -> None:
        """Do with each outlier what the recipe says, unless that was done before.

        A file that can't be moved or deleted stays where it is and is left out all the same, with a warning.
        Raises UserError when a disk fails half way: the same again goes on with it.
        """
        dealt_with = self.exclusions.paths()
        fresh = [one for one in flagged if one.event.path not in dealt_with]
        if self._files is None:
            self._only_exclude(fresh)
            return
        try:
            taken = self._files.take([(one.path, one.event) for one in fresh])
        except UserError as error:
            self._emit(RunWarning(message=f"{error}; the outliers are left out, their files stay"))
            self._only_exclude(fresh)
            return
        except OSError as error:
            raise UserError(f"outliers can't be moved: {printable(str(error))}; mend it and resume") from None
        for event, problem in taken:
            if problem:
                self._emit(RunWarning(message=f"{printable(event.path)} is left out, but stays: {problem}"))
            self._tell(event)

    def exclude(self, command: Exclude, images: Iterable[tuple[str, Path]], *, from_epoch: int) -> str:
        """Leave ``command.paths`` out by hand, their files untouched, and say so.

        ``images`` are the run's training images with their classes. Raises UserError, in which case nothing changes.
        """
        left_out = self.exclusions.now()
        known = {encodable(str(path)): (name, path) for name, path in images}
        left: dict[str, int] = {}
        for named, (name, _) in known.items():
            left[name] = left.get(name, 0) + (named not in left_out)
        events, again = [], 0
        for asked in dict.fromkeys(command.paths):
            named = self._named(asked)
            if named not in known:
                raise UserError(f"{printable(asked)} is no training image of this run")
            if named in left_out:
                done = left_out[named]
                # By an attempt at this command that was cut off, which told of some of its images, but not of an
                # answer. The checkpoint that was being saved meanwhile may be of the epoch after.
                if done.action == "exclude" and done.by == command.by and done.from_epoch >= from_epoch - 1:
                    again += 1
                    continue
                raise UserError(f"{printable(asked)} is left out already")
            name, path = known[named]
            left[name] -= 1
            if not left[name]:
                raise UserError(f"class {printable(name)} would be left without a training image")
            error, threshold = self._error(name, path)
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
                )
            )
        for event in events:
            self._tell(event)
        self.write_ledger()
        return f"{_images(len(events) + again)} left out"

    def restore(self, command: Restore, *, from_epoch: int) -> str:
        """Let outliers back in, quarantined files at their places again, and say so.

        Raises UserError when not one of them could be restored.
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
                        class_name=outlier.class_name, path=outlier.path, from_epoch=from_epoch, by=command.by
                    )
                )
            )
            restored += 1
        if not restored:
            more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
            raise UserError(f"nothing was restored; {problems[0]}{more}")
        self.write_ledger()
        failed = f"; {len(problems)} not: {problems[0]}" if problems else ""
        return f"{_images(restored)} restored{failed}"

    def write_ledger(self) -> None:
        """Write ``outliers.csv``; a run goes on without it when that can't be written."""
        path = self._run.outliers
        try:
            self.room.keep_trying(lambda: write_ledger(path, self.exclusions.changes), path)
        except OSError as error:
            self._emit(RunWarning(message=f"{path.name} can't be written: {error.strerror}"))

    def _only_exclude(self, flagged: Iterable[Flagged]) -> None:
        for one in flagged:
            self._tell(msgspec.structs.replace(one.event, action="exclude", sha256=sha256_of(one.path)))

    def _tell(self, event: OutlierExcluded) -> None:
        self.exclusions.add(self._emit(event))

    def _named(self, asked: str) -> str:
        """Return a path as the journal has it; CLASS/FILE is below the training folder."""
        return encodable(str(self._root / asked))

    def _chosen(self, command: Restore) -> list[OutlierExcluded]:
        left_out = self.exclusions.now()
        if command.paths:
            for asked in command.paths:
                if self._named(asked) not in left_out:
                    raise UserError(
                        f"{printable(asked)} is not left out; vrdl-tui outliers list shows what is"
                    )
            return [left_out[self._named(asked)] for asked in dict.fromkeys(command.paths)]
        chosen = [one for one in left_out.values() if command.class_name in ("", one.class_name)]
        if not chosen:
            where = f" of class {printable(command.class_name)}" if command.class_name else ""
            raise UserError(f"no image{where} is left out")
        return chosen

    def _put_back(self, outliers: Sequence[OutlierExcluded]) -> list[str]:
        """Return for each why its file can't be at its place again, or ""."""
        if self._files is None:
            return [""] * len(outliers)
        away = [one for one in outliers if one.action != "exclude"]
        found = self._files.restore([(one.class_name, Path(one.path).name) for one in away])
        problems = {one.path: problem for one, problem in zip(away, found, strict=True)}
        return [problems.get(one.path, "") for one in outliers]

    def _error(self, class_name: str, path: Path) -> tuple[float, float]:
        judged, file = self.judged.get(class_name), encodable(path.name)
        if judged is None or file not in judged.files:
            return 0.0, 0.0
        return judged.errors[judged.files.index(file)], judged.threshold


def _files(recipe: Recipe, run: RunDir) -> Quarantine | None:
    if recipe.outliers.action == "exclude":
        return None
    try:
        return Quarantine(Path(recipe.data.train), run, recipe.outliers.action)
    except OSError as error:
        raise UserError(f"the manifest of the outliers can't be read: {printable(str(error))}") from None


def _images(number: int) -> str:
    return f"{number:,} image{'' if number == 1 else 's'}"
