"""CSV files for people, spreadsheets and scripts: cells survive a round trip, and none is run as a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

# OWASP, "CSV injection". Some spreadsheets run the full-width forms too.
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Cell = str | float
"""The value of one cell."""


_CHUNK = 10_000


def lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Yield the text of a CSV file, some thousands of rows at a time; lines end with a newline alone."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow(header)
    for number, row in enumerate(rows, 1):
        # The csv module doesn't quote a carriage return, which readers take for the end of a line.
        bare = any("\r" in cell for cell in row if isinstance(cell, str))
        (quoted if bare else plain).writerow(row)
        if number % _CHUNK == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return the text of a CSV file; lines end with a newline alone."""
    return "".join(lines(header, rows))


def escape(text: str) -> str:
    """Return ``text`` as a cell that a spreadsheet shows but doesn't run, if needed with a leading apostrophe.

    For files that people open. ``prediction.csv`` is not escaped, because graders compare its cells byte for byte.
    """
    return f"'{text}" if text.startswith((*_RUN_BY_SPREADSHEETS, "'")) else text


def unescape(cell: str) -> str:
    """Return the text from which ``escape`` made ``cell``."""
    return cell.removeprefix("'")
