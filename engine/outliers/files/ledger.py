"""outliers.csv: every image that a run ever left out, for people, spreadsheets and graders."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.core.files import replace_file
from engine.core.table import escape, table
from engine.core.text import encodable
from engine.journal.events import OutlierExcluded, OutlierRestored

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
    rows = (_row(one, newest[one.path]) for one in left_out.values())
    replace_file(path, encodable(table(_HEADER, rows)).encode())


def _row(one: OutlierExcluded, last: OutlierExcluded | OutlierRestored) -> tuple[str | float, ...]:
    return (
        escape(one.class_name),
        escape(one.path),
        one.error,
        one.threshold,
        last.action if isinstance(last, OutlierExcluded) else "restored",
        datetime.fromtimestamp(last.t, UTC).isoformat(timespec="seconds"),
        one.sha256,
        escape(one.looks_like),
    )
