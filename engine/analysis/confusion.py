"""The confusion matrix: proportions, confused pairs, precision and recall per class, and the matrix as a CSV file."""

import csv
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from engine.analysis.predictions import Judged
from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.table import escape, table, unescape
from engine.core.text import printable
from engine.run.train_state import Cells

Norm = Literal["counts", "row", "column"]
"""Normalisation of a cell: number of images, proportion of the true class (row), or of the predicted one (column)."""

_CORNER = "true \\ predicted"
_LIST = ("true", "predicted", "images")
_TABLE_UP_TO = 1000
"""Classes. A table of 10,000 classes would have 100 million fields, nearly all 0, and too many columns for any
spreadsheet."""


class Pair(NamedTuple):
    """Two classes that are confused with each other."""

    true: int
    predicted: int
    forth: int
    """Images of class ``true`` predicted as ``predicted``."""
    back: int
    """Images of class ``predicted`` predicted as ``true``."""

    @property
    def both(self) -> int:
        """Images confused in either direction."""
        return self.forth + self.back


class Rates(NamedTuple):
    """Precision, recall and F1 of a class, 0 to 1; None where the denominator is 0."""

    images: int
    """Images of the class."""
    named: int
    """Images predicted as the class."""
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class Matrix:
    """A sparse confusion matrix with its row and column sums."""

    classes: int
    """Number of classes."""
    cells: dict[tuple[int, int], int]
    """Number of images by (true, predicted), without empty cells."""
    rows: list[int]
    """Images of each true class."""
    columns: list[int]
    """Images predicted as each class."""

    @classmethod
    def of(cls, cells: Cells, classes: int) -> "Matrix":
        """Return the matrix of ``cells``, ignoring invalid ones, as a journal may be damaged."""
        kept = {
            (true, predicted): images
            for true, predicted, images in cells
            if 0 <= true < classes and 0 <= predicted < classes and images > 0
        }
        rows, columns = [0] * classes, [0] * classes
        for (true, predicted), images in kept.items():
            rows[true] += images
            columns[predicted] += images
        return cls(classes, kept, rows, columns)

    @property
    def images(self) -> int:
        """Number of images."""
        return sum(self.rows)

    @property
    def wrong(self) -> int:
        """Number of misclassified images."""
        return sum(images for (true, predicted), images in self.cells.items() if true != predicted)

    def share(self, true: int, predicted: int, norm: Norm) -> float | None:
        """Return a cell's number of images, or its proportion (0 to 1) of its row or column, None if that is empty."""
        images = self.cells.get((true, predicted), 0)
        if norm == "counts":
            return float(images)
        total = self.rows[true] if norm == "row" else self.columns[predicted]
        return images / total if total else None

    def pairs(self, *, both: bool) -> list[Pair]:
        """Return the confused pairs, most confused first.

        By default each direction is a pair of its own. With ``both``, directions are summed, and a pair appears once,
        with its larger direction as ``forth``.
        """
        found = []
        for (true, predicted), images in self.cells.items():
            back = self.cells.get((predicted, true), 0)
            if true != predicted and (not both or (images, -true) > (back, -predicted)):
                found.append(Pair(true, predicted, images, back))
        return sorted(found, key=lambda pair: (-(pair.both if both else pair.forth), pair))

    def rates(self) -> list[Rates]:
        """Return the rates of each class, in class order."""
        return [self._rates(index) for index in range(self.classes)]

    def _rates(self, index: int) -> Rates:
        right, images, named = self.cells.get((index, index), 0), self.rows[index], self.columns[index]
        return Rates(
            images,
            named,
            right / named if named else None,
            right / images if images else None,
            2 * right / (images + named) if images + named else None,
        )


def judged_cells(judged: Iterable[Judged], classes: list[str]) -> Cells:
    """Return the cells of the confusion matrix of ``judged``, ignoring images of classes not in ``classes``."""
    index = {name: number for number, name in enumerate(classes)}
    counts = Counter(
        (index[one.label], index[one.predicted])
        for one in judged
        if one.label in index and one.predicted in index
    )
    return [(true, predicted, images) for (true, predicted), images in sorted(counts.items())]


def in_cell(judged: Iterable[Judged], label: str, predicted: str) -> list[Judged]:
    """Return the images of a cell, worst first: misclassified ones most confident first, correct ones least confident.

    Ties are sorted by path.
    """
    found = [one for one in judged if one.label == label and one.predicted == predicted]
    sign = 1 if label == predicted else -1
    return sorted(found, key=lambda one: (sign * one.probability, one.path))


def free_stem(folder: Path, stem: str, suffixes: Iterable[str]) -> str:
    """Return the first of stem, stem-2, stem-3 … for which ``folder`` has no file with any of the suffixes."""
    wanted, number = stem, 1
    endings = list(suffixes)
    while any(os.path.lexists(folder / f"{wanted}{ending}") for ending in endings):
        number += 1
        wanted = f"{stem}-{number}"
    return wanted


def write_matrix(path: Path, cells: Cells, classes: list[str]) -> None:
    """Write the matrix as CSV: one row per true class, one column per predicted class, in class order.

    For more than 1,000 classes the columns are true, predicted and images, with a row for each non-empty cell and each
    diagonal cell. Raises OSError.
    """
    counts = Matrix.of(cells, len(classes)).cells
    if len(classes) > _TABLE_UP_TO:
        # Diagonal cells are listed even if empty, so that a reader knows all classes and their order.
        listed = sorted({(own, own): 0 for own in range(len(classes))} | counts)
        lines = [
            (escape(classes[true]), escape(classes[predicted]), str(counts.get((true, predicted), 0)))
            for true, predicted in listed
        ]
        replace_file(path, table(_LIST, lines).encode())
        return
    span = range(len(classes))
    rows = [
        (escape(classes[true]), *(str(counts.get((true, predicted), 0)) for predicted in span))
        for true in span
    ]
    head = (_CORNER, *map(escape, classes))
    # Passed as a row, not as a header: only rows are quoted, which class names may need.
    replace_file(path, table((), [head, *rows]).removeprefix("\n").encode())


def read_matrix(path: Path) -> tuple[Cells, list[str]]:
    """Read cells and class names from a file of ``write_matrix``. Raises UserError if that fails."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            corner, *names = next(rows, [""])
            if (corner, *names) == _LIST:
                return _read_list(rows)
            classes = [unescape(name) for name in names]
            cells = [
                (true, predicted, int(images))
                for true, (_, *counts) in enumerate(rows)
                for predicted, images in enumerate(counts)
                if int(images)
            ]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{printable(str(path))} can't be read: {printable(str(error))}") from None
    if corner != _CORNER or any(max(true, predicted) >= len(classes) for true, predicted, _ in cells):
        raise UserError(
            f"{printable(str(path))} is not a confusion matrix; press e in the confusion matrix to write one"
        )
    return cells, classes


def _read_list(rows: Iterable[list[str]]) -> tuple[Cells, list[str]]:
    """Read the rows of the long form. Raises ValueError for a malformed row, and for a class without a row."""
    found = [(unescape(true), unescape(predicted), int(images)) for true, predicted, images in rows]
    index: dict[str, int] = {}
    for true, _, _ in found:
        index.setdefault(true, len(index))
    if unknown := next((predicted for _, predicted, _ in found if predicted not in index), None):
        raise ValueError(f"it has no row for class {unknown}")
    return [(index[true], index[predicted], images) for true, predicted, images in found if images], list(
        index
    )
