"""Prediction files: ``validation.csv`` of the best weights, and labels and probabilities of test images."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from engine.core.errors import UserError
from engine.core.files import open_regular, read_regular, replace_file
from engine.core.table import escape, table, unescape
from engine.core.text import encodable, printable
from engine.journal.events import PredictionScored

_LARGEST = 1 << 30
_HEADER = ("path", "label", "pred_label", "probability")


class Judged(NamedTuple):
    """The prediction for a validation image."""

    path: str
    label: str
    """The true class."""
    predicted: str
    probability: float
    """Softmax probability of ``predicted``, 0 to 1."""


def write_judged(path: Path, judged: Iterable[Judged]) -> bytes:
    """Write ``validation.csv`` atomically, in the order given, and return its content. Raises OSError."""
    rows = (
        (escape(one.path), escape(one.label), escape(one.predicted), f"{one.probability:.6f}")
        for one in judged
    )
    content = table(_HEADER, rows).encode()
    replace_file(path, content)
    return content


def put_back_judged(path: Path, kept: Path) -> None:
    """Restore ``path`` from ``kept`` if that exists and differs. Raises OSError."""
    try:
        content = read_regular(kept, _LARGEST, follow=False)
    except OSError:
        return
    try:
        same = read_regular(path, _LARGEST) == content
    except OSError:
        same = False
    if not same:
        replace_file(path, content)


def read_judged(path: Path) -> list[Judged]:
    """Return the rows of a ``validation.csv``. Raises UserError if it is missing or not such a file."""
    try:
        with io.TextIOWrapper(open_regular(path, _LARGEST), encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) != _HEADER:
                raise UserError(f"{printable(str(path))} is not a list of validation predictions")
            return [
                Judged(unescape(image), unescape(label), unescape(predicted), float(probability))
                for image, label, predicted, probability in rows
            ]
    except FileNotFoundError:
        raise UserError(
            f"no {printable(str(path))}: the run has no best weights yet, or is of an older version"
        ) from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{printable(str(path))} can't be read: {printable(str(error))}") from None


def read_tested(path: Path, scored: PredictionScored) -> list[Judged]:
    """Return the rows of a ``test.csv`` of which ``scored`` is the score.

    Raises UserError as ``read_judged``, and if the file is of another prediction.
    """
    again = "vrdl-tui predict writes it again"
    if not path.exists():
        raise UserError(f"no {printable(str(path))}; {again}")
    judged = read_judged(path)
    if (len(judged), sum(one.label == one.predicted for one in judged)) != (scored.images, scored.correct):
        raise UserError(f"{printable(str(path))} is of another prediction; {again}")
    return judged


_LABELS = ("image_name", "pred_label")
_PROBABILITIES = (*_LABELS, "probability")


class Predicted(NamedTuple):
    """The prediction for a test image."""

    name: str
    """As ``row_names``."""
    label: str
    """Empty for an image that couldn't be read, if blank rows were asked for."""
    probability: float | None
    """Probability of ``label``, 0 to 1; None if the file has no probabilities, or the image couldn't be read."""


class Prediction(NamedTuple):
    """The content of a prediction file."""

    rows: list[Predicted]
    classes: list[str]
    """Empty for a file without probabilities."""
    places: list[int]
    """Byte offset of each row, for ``read_shares``."""


def row_names(images: Sequence[str]) -> list[str]:
    """Return the name of each image's row: relative to the test folder, without suffix, unless two would be the same.

    ``images`` are relative names, each once. Of ``a.jpg``, ``a.png`` and ``b.jpg`` the first two keep their suffixes.
    """
    names = [image.removesuffix(PurePosixPath(image).suffix) for image in images]
    while True:
        counts = Counter(names)
        # Again after a change, because a.jpg.png is a.jpg without its suffix.
        clashing = [at for at, name in enumerate(names) if counts[name] > 1 and name != images[at]]
        if not clashing:
            return names
        for at in clashing:
            names[at] = images[at]


def beside(prediction: Path) -> Path:
    """Return the path of a prediction's probabilities: ``prediction_probabilities.csv`` for ``prediction.csv``."""
    return prediction.with_name(f"{prediction.stem}_probabilities.csv")


def write_probabilities(
    path: Path, rows: Iterable[tuple[str, str, Sequence[float]]], classes: list[str]
) -> None:
    """Write the name, label and probabilities (classes,) of each image, in the order given. Raises OSError.

    The cells of an image without probabilities, which couldn't be read, are empty.
    """
    cells = []
    for name, label, probabilities in rows:
        best = f"{max(probabilities):.6f}" if probabilities else ""
        numbers = [f"{probability:.6f}" for probability in probabilities] or [""] * len(classes)
        cells.append((escape(encodable(name)), escape(label), best, *numbers))
    head = (*_PROBABILITIES, *map(escape, classes))
    # Passed as a row, not as a header: only rows are quoted, which class names may need.
    replace_file(path, table((), [head, *cells]).removeprefix("\n").encode())


def read_prediction(path: Path) -> Prediction:
    """Read a prediction with or without probabilities. Raises UserError if it is missing or not such a file."""
    try:
        with open_regular(path, _LARGEST) as file:
            lines = _Lines(file)
            table_rows = csv.reader(lines)
            head = next(table_rows, [])
            known = tuple(head[:3]) == _PROBABILITIES
            if not known and tuple(head) != _LABELS:
                raise UserError(f"{printable(str(path))} is not a prediction file")
            rows: list[Predicted] = []
            places: list[int] = []
            place = lines.place
            for row in table_rows:
                if len(row) != len(head):
                    raise ValueError(f"row {len(rows) + 1} has {len(row)} cells")
                # Files without probabilities are for graders, so their cells aren't escaped.
                rows.append(
                    Predicted(unescape(row[0]), unescape(row[1]), float(row[2]) if row[2] else None)
                    if known
                    else Predicted(row[0], row[1], None)
                )
                places.append(place)
                place = lines.place
    except FileNotFoundError:
        raise UserError(f"no {printable(str(path))}") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{printable(str(path))} can't be read: {printable(str(error))}") from None
    return Prediction(rows, [unescape(name) for name in head[3:]], places)


def read_shares(path: Path, place: int) -> list[float]:
    """Return the probabilities (classes,) of the row at byte offset ``place``, none for an image that wasn't read.

    Raises UserError.
    """
    try:
        with open_regular(path, _LARGEST) as file:
            file.seek(place)
            return [float(cell) for cell in next(csv.reader(_Lines(file)), [])[3:] if cell]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{printable(str(path))} can't be read: {printable(str(error))}") from None


class _Lines:
    """A file's lines as text; ``place`` is the byte offset after the line last read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.place = file.tell()

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.place += len(line)
            yield line.decode("utf-8", "surrogateescape")
