"""outliers.csv: every image that a run has ever excluded, as a table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.core.files import replace_file
from engine.core.table import escape, table
from engine.core.text import encodable
from engine.journal.events import OutlierExcluded, OutlierRestored

_HEADER = ("class", "path", "error", "threshold", "action", "time", "sha256", "looks_like")


def write_ledger(path: Path, changes: Sequence[OutlierExcluded | OutlierRestored]) -> None:
    """Write one row for each image of ``changes``, which are in journal order, with its latest change.

    ``action`` is what happened to the file (exclude, quarantine, delete), or ``restored``; ``time`` is when, in ISO
    8601, UTC. Rows are sorted by each image's first exclusion. Raises OSError, in which case the file is unchanged.
    """
    excluded: dict[str, OutlierExcluded] = {}
    newest: dict[str, OutlierExcluded | OutlierRestored] = {}
    for change in changes:
        newest[change.path] = change
        if isinstance(change, OutlierExcluded):
            excluded[change.path] = change
    rows = (_row(one, newest[one.path]) for one in excluded.values())
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
