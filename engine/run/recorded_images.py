"""The images of a run as they were recorded when it began, in ``split.csv``, and what has become of them since.

A run trains on the recorded images: ones that were added later aren't used, and it goes on without ones that were
lost. Names are relative to the folder of the split, "/"-separated, with the folder of the class: ``owl/2023/a.jpg``.
"""

import csv
import io
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import is_plain, is_plain_path, open_regular, replace_file
from engine.core.table import lines
from engine.core.text import count, encodable, printable
from engine.core.text import names as listed
from engine.layout.folders import Split
from engine.layout.listing import Classes

_HEADER = ("split", "class", "image")
_SHOWN = 3


class RecordError(UserError):
    """The record can't be read, or isn't one."""


@dataclass(slots=True)
class Recorded:
    """The images of a run by split."""

    train: Classes = field(default_factory=dict)
    val: Classes = field(default_factory=dict)
    test: list[str] = field(default_factory=list)
    """Empty in a record of version 0.1.0, too."""
    dropped: Classes = field(default_factory=dict)
    """Training images that are copies and aren't used (``data.duplicates``)."""


def write_record(path: Path, images: Recorded) -> None:
    """Write the record atomically: for a million images 60 MB in 2 s. Raises OSError."""
    chunks = lines(_HEADER, _rows(images))
    replace_file(path, (chunk.encode("utf-8", "surrogateescape") for chunk in chunks))


def _rows(images: Recorded) -> Iterator[tuple[str, ...]]:
    for split, classes in (("train", images.train), ("val", images.val), ("dropped", images.dropped)):
        yield from ((split, *name.split("/", 1)) for name in _names(classes))
    yield from (("test", "", name) for name in images.test)


def read_record(path: Path) -> Recorded:
    """Return the images in the file that ``write_record`` wrote.

    Raises RecordError for any other content, because a name could lead out of the data folders.
    """
    recorded = Recorded()
    parts = {"train": recorded.train, "val": recorded.val, "dropped": recorded.dropped}
    labels: dict[str, str] = {}
    try:
        with io.TextIOWrapper(open_regular(path), "utf-8", "surrogateescape", newline="") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) != _HEADER:
                raise ValueError(f"its first row isn't {','.join(_HEADER)}")
            for split, folder, image in rows:
                if not is_plain_path(image):
                    raise ValueError(f"{split}/{folder}/{image} is not an image of the data")
                if split == "test" and not folder:
                    recorded.test.append(image)
                    continue
                if folder not in labels:
                    if not is_plain(folder):
                        raise ValueError(f"{split}/{folder}/{image} is not an image in a class folder")
                    labels[folder] = unicodedata.normalize("NFC", folder)
                if split not in parts:
                    raise ValueError(f"{split}/{folder}/{image} is of no split")
                parts[split].setdefault(labels[folder], []).append(f"{folder}/{image}")
    except (OSError, ValueError, csv.Error) as error:
        raise RecordError(
            f"the recorded images {printable(str(path))} can't be read: {printable(str(error), 200)}; "
            f"restore {path.name} from a copy, or start a new run: vrdl-tui train DATA"
        ) from None
    return recorded


@dataclass(frozen=True, slots=True)
class Difference:
    """Which images of a split were added since they were recorded, and which are lost."""

    split: Split
    added: list[str]
    lost: list[str]

    def __str__(self) -> str:
        """Return one sentence, safe to show; "" if nothing has changed."""
        added, lost = (_images(names, self.split) for names in (self.added, self.lost))
        if self.split == "test":
            parts = ([f"{added} added"] if added else []) + ([f"{lost} gone"] if lost else [])
            return (
                f"{', '.join(parts)} since the run began; predictions are of those there now" if parts else ""
            )
        were = "was" if len(self.added) == 1 else "were"
        parts = [f"{added} {were} added since the run began: not used; a new run uses all"] if added else []
        parts += (
            [f"{lost} can't be found any more: the run goes on without; put back, used again"] if lost else []
        )
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Found:
    """The recorded images that are still there, and what differs."""

    train: Classes
    val: Classes
    changes: tuple[str, ...]
    """Sentences, safe to show."""


def compare(
    recorded: Recorded, train: Classes, val: Classes | None, test: list[str], *, away: Collection[str], remedy: str,
    where: tuple[str, str], earlier: bool = False,
) -> Found:  # fmt: skip
    """Compare the recorded images with those that the data folders have now.

    ``val`` is None if the validation images were split off those in ``train``. ``away`` are the training images whose
    files the run has moved or deleted, as the journal names them; they count as present. ``where`` are the folders of
    the two splits. ``earlier``: the record may be of version 0.1.0, which has no test images.

    Raises UserError, which ends with ``remedy``, if more than half of a split or all training images of a class are
    lost: then it is another folder, or the data were moved.
    """
    here = set(_names(train))
    here.update(
        name for name in _names(recorded.train) if name not in here and away and encodable(name) in away
    )
    beside = here if val is None else set(_names(val))
    kept, judged = _kept(recorded.train, here), _kept(recorded.val, beside)
    used = {
        *_names(recorded.train),
        *_names(recorded.dropped),
        *(_names(recorded.val) if val is None else ()),
    }
    known, known_val = (
        {label: names for label, names in listed.items() if label in recorded.train}
        for listed in (train, val or {})
    )
    differences = [
        Difference("train", _without(_names(known), used), _without(_names(recorded.train), here)),
        Difference(
            "val",
            _without(_names(known_val), set(_names(recorded.val))),
            _without(_names(recorded.val), beside),
        ),
    ]
    gone = [label for label, names in kept.items() if not names]
    new = [label for label in train if label not in recorded.train]
    _refuse_another(recorded, differences, gone, new, where, remedy)
    if recorded.test or not earlier:
        lost = _without(recorded.test, set(test))
        differences.append(Difference("test", _without(test, set(recorded.test)), lost))
    changes = [str(difference) for difference in differences if difference.added or difference.lost]
    if new:
        number = sum(len(train[label]) + len((val or {}).get(label, ())) for label in new)
        changed = class_changes(list(recorded.train), [*recorded.train, *new])
        changes.insert(
            0,
            f"the data's classes changed: {changed}; the run keeps its own {len(recorded.train):,}, and "
            f"{count(number, 'image')} of new classes are not used: a new run uses all",
        )
    return Found(kept, judged, tuple(changes))


def class_changes(before: list[str], now: list[str]) -> str:
    """Return which classes are new or gone, or that their order changed; "" if nothing did."""
    known, present = set(before), set(now)
    parts = [
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} {what}"
        for names, what in (
            ([name for name in now if name not in known], "new"),
            ([name for name in before if name not in present], "gone"),
        )
        if names
    ]
    return ", ".join(parts) or ("they are in another order" if before != now else "")


def _refuse_another(
    recorded: Recorded, differences: list[Difference], gone: list[str], new: list[str], where: tuple[str, str],
    remedy: str,
) -> None:  # fmt: skip
    counts = [sum(map(len, classes.values())) for classes in (recorded.train, recorded.val)]
    for difference, number, folder in zip(differences, counts, where, strict=True):
        if 2 * len(difference.lost) > number:
            left = f"{number - len(difference.lost):,}" if len(difference.lost) < number else "none"
            raise UserError(
                f"data.{difference.split}: {printable(folder)} has {left} of the {number:,} images that the run began "
                f"with, {printable(difference.lost[0], 100)} is missing first; {remedy}"
            )
    if gone:
        now = [*(label for label in recorded.train if label not in set(gone)), *new]
        raise UserError(f"the data's classes changed: {class_changes(list(recorded.train), now)}; {remedy}")


def _kept(classes: Classes, here: Collection[str]) -> Classes:
    return {label: [name for name in names if name in here] for label, names in classes.items()}


def _names(classes: Classes) -> Iterator[str]:
    return (name for names in classes.values() for name in names)


def _without(names: Iterable[str], known: Collection[str]) -> list[str]:
    return [name for name in names if name not in known]


def _images(names: list[str], split: Split) -> str:
    if not names:
        return ""
    what = {"train": "training", "val": "validation", "test": "test"}[split]
    return f"{count(len(names), f'{what} image')} ({listed(names, most=_SHOWN)})"
