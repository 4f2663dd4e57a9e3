"""A confusion matrix made small: cells summed into blocks until it fits."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocks:
    """``counts[row][column]``: images of the classes of a row block taken for those of a column block."""

    side: int
    """How many classes a block spans."""
    counts: list[list[int]]
    largest_diagonal: int
    largest_off_diagonal: int


def merge(cells: Iterable[tuple[int, int, int]], classes: int, most: int) -> Blocks:
    """Sum the matrix into at most ``most`` x ``most`` blocks of equally many classes."""
    side = -(-classes // max(1, most))
    number = -(-classes // side)
    counts = [[0] * number for _ in range(number)]
    for true, predicted, images in cells:
        if 0 <= true < classes and 0 <= predicted < classes:
            counts[true // side][predicted // side] += images
    diagonal = max(counts[i][i] for i in range(number))
    off = max((counts[i][j] for i in range(number) for j in range(number) if i != j), default=0)
    return Blocks(side, counts, diagonal, off)


def worst(cells: Iterable[tuple[int, int, int]], most: int) -> list[tuple[int, int, int]]:
    """Return the largest confusions (true, predicted, images), largest first."""
    wrong = [cell for cell in cells if cell[0] != cell[1] and cell[2] > 0]
    return sorted(wrong, key=lambda cell: (-cell[2], cell[0], cell[1]))[:most]
