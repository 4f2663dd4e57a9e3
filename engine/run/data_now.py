"""What the data folders of a run have now, compared with what it recorded when it began."""

from dataclasses import dataclass, field
from pathlib import Path

from engine.core.errors import UserError
from engine.core.text import encodable, shell_word
from engine.journal.events import DatasetScanned
from engine.journal.state import RunState
from engine.layout.listing import Classes, Listing, list_data
from engine.recipe.recipe import Recipe
from engine.recipe.sections import Data
from engine.run.directory import RunDir
from engine.run.recorded_images import Recorded, RecordError, class_changes, compare, read_record


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a run's images from before this attempt; the default is a run that begins."""

    trained: bool = False
    """Whether there is a checkpoint, whose weights have seen the training images."""
    away: frozenset[str] = frozenset()
    """Names of the training images whose files the run has moved or deleted."""
    moving: bool = False
    """Whether the run is moving or deleting outliers, so that any training image may be away without an event yet."""
    scanned: DatasetScanned | None = None
    """What the attempt before found."""
    remedy: str = ""
    """What to do if the data aren't those of the run."""

    @classmethod
    def of(cls, run: RunDir, recipe: Recipe, before: RunState, *, trained: bool) -> "Past":
        """Return the past of a run according to its recipe and its journal."""
        judging = bool(before.outliers.thresholds) and before.outliers.done is None
        moved = (one for one in before.outliers.excluded.values() if one.action != "exclude")
        return cls(
            trained=trained,
            away=frozenset(one.file or f"{one.class_name}/{Path(one.path).name}" for one in moved),
            moving=judging and recipe.outliers.action != "exclude",
            scanned=before.data,
            remedy=(
                "put back what is missing; if the data were moved: "
                f"vrdl-tui resume {shell_word(str(run.path))} --data NEW_FOLDER"
            ),
        )


@dataclass(frozen=True, slots=True)
class DataNow:
    """The images in the data folders, and those of them that the run uses."""

    listing: Listing
    by_folders: bool
    """Whether the validation images are in ``data.val``."""
    train: Classes
    val: Classes | None
    """None: to be split off ``train``."""
    dropped: Classes = field(default_factory=dict)
    """Training images that the run leaves out as copies."""
    begins: bool = False
    """Whether nothing has been decided about the images yet."""
    is_recorded: bool = False
    """Whether the record names these images, the test images too."""
    said: tuple[str, ...] = ()
    """What has changed: sentences, safe to show."""


def look_at_data(data: Data, record: Path, past: Past) -> DataNow:
    """List the data folders and compare them with the file ``record``.

    Before there is a checkpoint, a split by folders is listed anew unless outliers were moved.

    Raises UserError as ``list_data``, with ``past.remedy`` if the run has begun; as ``compare``; and if the record of a
    run whose validation images were split off can't be read, or is missing and its images have changed.
    """
    has_record = record.exists()
    try:
        listing = list_data(
            data,
            splits=not has_record,
            refuse_shared=not past.trained,
            refuse_extra=not has_record,
            least=0 if has_record else 2,
        )
    except UserError as error:
        if not (past.remedy and (past.trained or has_record)):
            raise
        raise UserError(f"{error}; {past.remedy}") from None
    held_out = listing.val is None or (past.scanned is not None and past.scanned.split == "stratified")
    binding = past.trained or bool(past.away) or past.moving
    if not held_out and not binding:
        return _as_listed(listing, by_folders=True)
    problem = ""
    if has_record:
        try:
            where = data.train, data.val or data.train
            return _recorded(listing, read_record(record), past, where, held_out=held_out)
        except RecordError as error:
            if held_out or past.away or past.moving:
                raise
            problem = str(error)
    if not past.trained or past.scanned is None:
        return _as_listed(listing, by_folders=not held_out)
    return _unrecorded(listing, past.scanned, past.remedy, problem, held_out=held_out)


def _as_listed(listing: Listing, *, by_folders: bool) -> DataNow:
    return DataNow(listing, by_folders, listing.train, listing.val if by_folders else None, begins=True)


def _recorded(
    listing: Listing, recorded: Recorded, past: Past, where: tuple[str, str], *, held_out: bool
) -> DataNow:
    away = past.away.union(*map(_encodable, recorded.train.values())) if past.moving else past.away
    had_test = past.scanned is None or past.scanned.test_images > 0
    found = compare(
        recorded,
        listing.train,
        None if held_out else listing.val,
        listing.test,
        away=away,
        remedy=past.remedy,
        where=where,
        earlier=had_test,
    )
    same = recorded.test == listing.test
    return DataNow(
        listing, not held_out, found.train, found.val, recorded.dropped, is_recorded=same, said=found.changes
    )


def _encodable(names: list[str]) -> set[str]:
    return {encodable(name) for name in names}


def _unrecorded(
    listing: Listing, scanned: DatasetScanned, remedy: str, problem: str, *, held_out: bool
) -> DataNow:
    """Return the images of a run that has trained without a record: one of version 0.1.0, or its record is lost."""
    known = {label: listing.train[label] for label in scanned.classes if label in listing.train}
    changed = class_changes(scanned.classes, listing.classes)
    if len(known) < len(scanned.classes):
        raise UserError(f"the data's classes changed: {changed}; {remedy}")
    why = problem or "the run has no record of its images"
    said = [f"the data's classes changed: {changed}; the run keeps its own {len(known):,}"] if changed else []
    if held_out:
        count, before = sum(map(len, known.values())), scanned.train_images + scanned.val_images
        if count != before:
            raise UserError(
                f"{why}, which were split by train.seed, and there are {count:,} instead of {before:,} now, so "
                f"validation images might be trained on; {remedy}; or restore split.csv from a copy"
            )
        again = f"{why}: they are split by train.seed again and recorded"
        return DataNow(listing, by_folders=False, train=known, val=None, said=(*said, again))
    assert listing.val is not None
    val = {label: names for label, names in listing.val.items() if label in known}
    return DataNow(
        listing, True, known, val, said=(*said, f"{why}: those in the folders now are recorded in split.csv")
    )
