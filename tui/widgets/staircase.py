"""A quantity that moves in steps, drawn as a staircase of line characters."""

import math
from collections.abc import Sequence

from tui.widgets.look import Glyphs


def column_of(number: int, values: int, width: int) -> int:
    """Return the first of ``width`` columns that shows the value of a number (from 0) among ``values``."""
    return min(width - 1, -(-number * width // values))


def staircase(values: Sequence[float], width: int, height: int, glyphs: Glyphs) -> list[str]:
    """Draw ``values`` (all positive or zero) from left to right over ``width`` columns."""
    if not values or width < 1 or height < 1:
        return []
    # In the logarithm, so that each decay by the same factor is a step of the same height.
    scaled = [math.log(value) for value in values] if min(values) > 0 else list(values)
    columns = [scaled[column * len(scaled) // width] for column in range(width)]
    low, high = min(columns), max(columns)
    span = (high - low) or 1.0
    levels = [0 if high == low else round((high - value) / span * (height - 1)) for value in columns]
    level, fall, shaft, landing, rise, crest = tuple(glyphs.stair)
    grid = [[" "] * width for _ in range(height)]
    before = levels[0]
    for column, row in enumerate(levels):
        if row == before:
            grid[row][column] = level
            continue
        start, end = (fall, landing) if row > before else (rise, crest)
        grid[before][column], grid[row][column] = start, end
        for between in range(min(before, row) + 1, max(before, row)):
            grid[between][column] = shaft
        before = row
    return ["".join(row) for row in grid]
