"""A small curve in dots: two by four of them in a cell, or one ``*`` where there is ASCII only."""

from collections.abc import Sequence

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a Braille cell, by row and column (Unicode, block U+2800)."""


def curve(values: Sequence[float], width: int, height: int, *, ascii: bool) -> list[str]:
    """Draw ``values`` left to right into ``height`` rows of ``width`` cells, from the least to the greatest.

    Of more values than there are columns of dots each column takes the greatest; fewer are spread out.
    """
    across, down = (1, 1) if ascii else (2, 4)
    columns, levels = width * across, height * down
    low, high = min(values), max(values)
    span = high - low
    heights = [round((value - low) / span * (levels - 1)) if span else levels // 2 for value in values]
    cells = [[0] * width for _ in range(height)]
    before: int | None = None
    for x, level in _spread(heights, columns):
        # A steep step is drawn as a line: dots far apart don't read as one curve.
        reach = [level] if before is None or ascii else _between(before, level)
        before = level
        for one in reach:
            y = levels - 1 - one
            cells[y // down][x // across] |= 1 if ascii else _DOTS[y % down][x % across]
    if ascii:
        return ["".join("*" if cell else " " for cell in row) for row in cells]
    return ["".join(chr(0x2800 + cell) if cell else " " for cell in row) for row in cells]


def _spread(heights: list[int], columns: int) -> list[tuple[int, int]]:
    """Return (column, height) for each column that has one, left to right."""
    count = len(heights)
    if count == 1:
        return [(0, heights[0])]
    if count >= columns:
        bounds = [number * count // columns for number in range(columns + 1)]
        return [(x, max(heights[bounds[x] : bounds[x + 1]])) for x in range(columns)]
    points = []
    for x in range(columns):
        place = x * (count - 1) / (columns - 1)
        left = min(int(place), count - 2)
        share = place - left
        points.append((x, round(heights[left] * (1 - share) + heights[left + 1] * share)))
    return points


def _between(start: int, end: int) -> range:
    """Return the heights from the one after ``start`` to ``end``, which is always among them."""
    if start == end:
        return range(end, end + 1)
    return range(start + 1, end + 1) if end > start else range(end, start)
