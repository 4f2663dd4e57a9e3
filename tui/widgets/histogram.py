"""How often which error comes in a class: bars, with the threshold and one image's error marked below them."""

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from tui.widgets.look import BAD, BEST, FAINT, GOOD, MUTED, STRONG, Glyphs

# Bars of a few images each, far apart, would look like a comb.
_WIDEST = 64
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_PLAIN_EIGHTHS = "   ...###"


def histogram(
    errors: Sequence[float], threshold: float, own: float, width: int, height: int, glyphs: Glyphs
) -> list[Text]:
    """Draw ``errors`` into ``height`` rows (at least 3) of ``width`` cells, the last two for the marks.

    A bar holds the errors of its cell's span, and stands out right of the threshold; any error makes a bar that
    can be seen.
    """
    width = min(width, _WIDEST)
    low, high = min(*errors, threshold, own), max(*errors, threshold, own)
    scale = width / (high - low) if high > low else 0.0
    # The cell that holds an error; the largest error is in the last one.
    columns = Counter(min(width - 1, int((error - low) * scale)) for error in errors)
    counts = [columns[place] for place in range(width)]
    at, here = (min(width - 1, int((error - low) * scale)) for error in (threshold, own))
    rows = _bars(counts, at, height - 2, glyphs)
    marks = {at: ("|", BEST), here: ("^", STRONG)}
    row = Text()
    for place in range(width):
        row.append(*marks.get(place, (glyphs.empty, FAINT)))
    return [*rows, row, _legend(threshold, own, width)]


def _bars(counts: Sequence[int], threshold: int, height: int, glyphs: Glyphs) -> list[Text]:
    most = max(counts)
    shapes = _PLAIN_EIGHTHS if glyphs.ascii else _EIGHTHS
    # In eighths of a row; in ASCII a third of a row is the least that shows.
    least = 3 if glyphs.ascii else 1
    heights = [max(least, round(8 * height * number / most)) if number else 0 for number in counts]
    rows = []
    for level in range(height - 1, -1, -1):
        row = Text()
        for place, eighths in enumerate(heights):
            shape = shapes[min(8, max(0, eighths - 8 * level))]
            row.append(shape, BAD if place > threshold else GOOD)
        rows.append(row)
    return rows


def _legend(threshold: float, own: float, width: int) -> Text:
    long = [
        ("|", BEST),
        (f" threshold {threshold:.4f}  ", MUTED),
        ("^", STRONG),
        (f" this image {own:.4f}", MUTED),
    ]
    if sum(cell_len(text) for text, _ in long) > width:
        long = [("|", BEST), (f" {threshold:.4f} ", MUTED), ("^", STRONG), (f" {own:.4f}", MUTED)]
    row = Text()
    for text, style in long:
        row.append(text, style)
    return row
