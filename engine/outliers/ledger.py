"""outliers.csv: every image that a run ever left out, for people, spreadsheets and graders."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.events import OutlierExcluded, OutlierRestored
from engine.files import replace_file
from engine.text import encodable

_HEADER = ("class", "path", "error", "threshold", "action", "time", "sha256", "looks_like")


def write_ledger(path: Path, changes: Sequence[OutlierExcluded | OutlierRestored]) -> None:
    """Write one row for each image of ``changes``, which are in the journal's order; the newest change counts.

    ``action`` is what happened to its file (exclude, quarantine, delete), or ``restored``; ``time`` when, ISO 8601
    UTC. Rows are in the order in which the images were first left out. Raises OSError, in which case the file is as
    it was.
    """
    left_out: dict[str, OutlierExcluded] = {}
    newest: dict[str, OutlierExcluded | OutlierRestored] = {}
    for change in changes:
        newest[change.path] = change
        if isinstance(change, OutlierExcluded):
            left_out[change.path] = change
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow(_HEADER)
    for one in left_out.values():
        last = newest[one.path]
        row = (
            cell(one.class_name),
            cell(one.path),
            one.error,
            one.threshold,
            last.action if isinstance(last, OutlierExcluded) else "restored",
            datetime.fromtimestamp(last.t, UTC).isoformat(timespec="seconds"),
            one.sha256,
            cell(one.looks_like),
        )
        # The csv module leaves a carriage return bare, which no reader takes for part of a cell.
        bare = any("\r" in value for value in row if isinstance(value, str))
        (quoted if bare else plain).writerow(row)
    replace_file(path, text.getvalue().encode())


def cell(text: str) -> str:
    """Return ``text`` as a cell that a spreadsheet shows and doesn't run."""
    return encodable(f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text)
