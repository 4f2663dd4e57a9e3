"""The confusion matrix in figures: shares, confused pairs, each class's rates, and the matrix as a CSV file."""

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
"""What a cell says: images, their share of the true class (row), or of the predicted class (column)."""

_CORNER = "true \\ predicted"
_LIST = ("true", "predicted", "images")
_TABLE_UP_TO = 1000
"""Classes; a table of 10,000 would have 100 million fields, nearly all 0, and no spreadsheet as many columns."""


class Pair(NamedTuple):
    """Two classes taken for one another: ``forth`` images of ``true`` for ``predicted``, ``back`` the other way."""

    true: int
    predicted: int
    forth: int
    back: int

    @property
    def both(self) -> int:
        return self.forth + self.back


class Rates(NamedTuple):
    """A class's rates, 0 to 1, each None where it would be a division by nothing.

    ``images``: how many are of the class; ``named``: how many were taken for it.
    """

    images: int
    named: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class Matrix:
    """``cells[true, predicted]``: images; empty cells are left out. ``classes``: how many there are."""

    classes: int
    cells: dict[tuple[int, int], int]
    rows: list[int]
    """Images of each true class."""
    columns: list[int]
    """Images taken for each class."""

    @classmethod
    def of(cls, cells: Cells, classes: int) -> "Matrix":
        """Cells outside of the classes are left out: a journal may be damaged."""
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
        return sum(self.rows)

    @property
    def wrong(self) -> int:
        return sum(images for (true, predicted), images in self.cells.items() if true != predicted)

    def share(self, true: int, predicted: int, norm: Norm) -> float | None:
        """Return a cell's images, or its share (0 to 1) of its row or column; None of one that has no image."""
        images = self.cells.get((true, predicted), 0)
        if norm == "counts":
            return float(images)
        total = self.rows[true] if norm == "row" else self.columns[predicted]
        return images / total if total else None

    def pairs(self, *, both: bool) -> list[Pair]:
        """Return the confused pairs, most confused first: by one direction, or with ``both`` by the two summed.

        Summed, a pair comes once, its larger direction first.
        """
        found = []
        for (true, predicted), images in self.cells.items():
            back = self.cells.get((predicted, true), 0)
            if true != predicted and (not both or (images, -true) > (back, -predicted)):
                found.append(Pair(true, predicted, images, back))
        return sorted(found, key=lambda pair: (-(pair.both if both else pair.forth), pair))

    def rates(self) -> list[Rates]:
        """Return each class's rates, in the order of the classes."""
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
    """Return the cells that judged images add up to; those of other classes are left out."""
    index = {name: number for number, name in enumerate(classes)}
    counts = Counter(
        (index[one.label], index[one.predicted])
        for one in judged
        if one.label in index and one.predicted in index
    )
    return [(true, predicted, images) for (true, predicted), images in sorted(counts.items())]


def in_cell(judged: Iterable[Judged], label: str, predicted: str) -> list[Judged]:
    """Return the images of a cell, the worst first: wrong ones by how sure the model was, right ones by how unsure."""
    found = [one for one in judged if one.label == label and one.predicted == predicted]
    sign = 1 if label == predicted else -1
    return sorted(found, key=lambda one: (sign * one.probability, one.path))


def free_stem(folder: Path, stem: str, suffixes: Iterable[str]) -> str:
    """Return the first of stem, stem-2, stem-3 … that none of the suffixes makes the name of a file of."""
    wanted, number = stem, 1
    endings = list(suffixes)
    while any(os.path.lexists(folder / f"{wanted}{ending}") for ending in endings):
        number += 1
        wanted = f"{stem}-{number}"
    return wanted


def write_matrix(path: Path, cells: Cells, classes: list[str]) -> None:
    """Write the matrix's counts: a row a true class, a column a predicted one, in their order.

    Of more than 1,000 classes a row for each cell that isn't empty, and for each class's own: true, predicted, images.
    Raises OSError.
    """
    counts = Matrix.of(cells, len(classes)).cells
    if len(classes) > _TABLE_UP_TO:
        # Each class's own cell, also an empty one, has a reader know all classes and their order.
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
    # As a row and not as a header: a class's name may hold what only rows are quoted for.
    replace_file(path, table((), [head, *rows]).removeprefix("\n").encode())


def read_matrix(path: Path) -> tuple[Cells, list[str]]:
    """Return cells and classes of a written matrix. Raises UserError when it isn't there or is no such file."""
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
        raise UserError(f"{printable(str(path))} is no confusion matrix; key e of the matrix writes one")
    return cells, classes


def _read_list(rows: Iterable[list[str]]) -> tuple[Cells, list[str]]:
    """Raises ValueError for rows of another form, and of classes that have none of their own."""
    found = [(unescape(true), unescape(predicted), int(images)) for true, predicted, images in rows]
    index: dict[str, int] = {}
    for true, _, _ in found:
        index.setdefault(true, len(index))
    if strange := next((predicted for _, predicted, _ in found if predicted not in index), None):
        raise ValueError(f"it has no row of the class {strange}")
    return [(index[true], index[predicted], images) for true, predicted, images in found if images], list(
        index
    )
