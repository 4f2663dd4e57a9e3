"""Predictions as files: ``validation.csv`` of the best weights, labels and probabilities of test images."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from engine.core.errors import UserError
from engine.core.files import open_regular, read_regular, replace_file
from engine.core.table import escape, table, unescape
from engine.core.text import encodable, printable

_LARGEST_JUDGED = 1 << 30
_HEADER = ("path", "label", "pred_label", "probability")


class Judged(NamedTuple):
    """An image, its class, the class that it was taken for, and the softmax probability of that (0 to 1)."""

    path: str
    label: str
    predicted: str
    probability: float


def write_judged(path: Path, judged: Iterable[Judged]) -> bytes:
    """Write the file whole, in the order given, and return its content. Raises OSError."""
    rows = (
        (escape(one.path), escape(one.label), escape(one.predicted), f"{one.probability:.6f}")
        for one in judged
    )
    content = table(_HEADER, rows).encode()
    replace_file(path, content)
    return content


def put_back_judged(path: Path, kept: Path) -> None:
    """Have the file be what ``kept`` holds, if that is there and differs. Raises OSError."""
    try:
        content = read_regular(kept, _LARGEST_JUDGED, follow=False)
    except OSError:
        return
    try:
        same = read_regular(path, _LARGEST_JUDGED) == content
    except OSError:
        same = False
    if not same:
        replace_file(path, content)


def read_judged(path: Path) -> list[Judged]:
    """Return the rows of the file. Raises UserError when it isn't there or is no such file."""
    try:
        with io.TextIOWrapper(open_regular(path, _LARGEST_JUDGED), encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) != _HEADER:
                raise UserError(f"{printable(str(path))} is no list of judged validation images")
            return [
                Judged(unescape(image), unescape(label), unescape(predicted), float(probability))
                for image, label, predicted, probability in rows
            ]
    except FileNotFoundError:
        raise UserError(f"no {printable(str(path))}: the run has no best weights yet, or is older") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{printable(str(path))} can't be read: {printable(str(error))}") from None


_LARGEST = 1 << 30
_LABELS = ("image_name", "pred_label")
_PROBABILITIES = (*_LABELS, "probability")


class Predicted(NamedTuple):
    """An image's name without its extension, its label, and how sure that is (0 to 1), None where it isn't known."""

    name: str
    label: str
    probability: float | None


class Prediction(NamedTuple):
    """The rows of a file; ``places[i]`` is the byte at which row i begins in one that has probabilities."""

    rows: list[Predicted]
    classes: list[str]
    """Empty for a file without probabilities."""
    places: list[int]


def beside(prediction: Path) -> Path:
    """Return where the probabilities of a prediction are kept: ``prediction_probabilities.csv``."""
    return prediction.with_name(f"{prediction.stem}_probabilities.csv")


def write_probabilities(path: Path, rows: Iterable[tuple[str, Sequence[float]]], classes: list[str]) -> None:
    """Write image name and probabilities (classes,) of each image, in the order given. Raises OSError."""
    cells = []
    for name, shares in rows:
        best = max(range(len(classes)), key=shares.__getitem__)
        numbers = (f"{share:.6f}" for share in shares)
        cells.append((escape(encodable(name)), escape(classes[best]), f"{shares[best]:.6f}", *numbers))
    head = (*_PROBABILITIES, *map(escape, classes))
    # As a row and not as a header: a class's name may hold what only rows are quoted for.
    replace_file(path, table((), [head, *cells]).removeprefix("\n").encode())


def read_prediction(path: Path) -> Prediction:
    """Read labels, or probabilities, of either file. Raises UserError when it isn't there or is no such file."""
    try:
        with open_regular(path, _LARGEST) as file:
            lines = _Lines(file)
            table_rows = csv.reader(lines)
            head = next(table_rows, [])
            known = tuple(head[:3]) == _PROBABILITIES
            if not known and tuple(head) != _LABELS:
                raise UserError(f"{printable(str(path))} is no prediction")
            rows: list[Predicted] = []
            places: list[int] = []
            place = lines.place
            for row in table_rows:
                if len(row) != len(head):
                    raise ValueError(f"row {len(rows) + 1} has {len(row)} cells")
                # The labels alone are written as they are: graders read them.
                rows.append(
                    Predicted(unescape(row[0]), unescape(row[1]), float(row[2]))
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
    """Return the probabilities (classes,) of the row that begins at a byte. Raises UserError."""
    try:
        with open_regular(path, _LARGEST) as file:
            file.seek(place)
            return [float(cell) for cell in next(csv.reader(_Lines(file)), [])[3:]]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{printable(str(path))} can't be read: {printable(str(error))}") from None


class _Lines:
    """A file's lines as text; ``place`` is the byte behind the last one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.place = file.tell()

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.place += len(line)
            yield line.decode("utf-8", "surrogateescape")
