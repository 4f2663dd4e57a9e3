"""The images that a run leaves out, as a table on the terminal or for JSON."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.core.text import printable
from engine.journal.events import OutlierExcluded


def as_table(left_out: Iterable[OutlierExcluded]) -> list[dict[str, Any]]:
    """Return one object an image, in the words of `vrdl-tui outliers list --json`."""
    return [
        {
            "class": one.class_name, "path": one.path, "error": one.error, "threshold": one.threshold,
            "action": one.action, "looks_like": one.looks_like, "sha256": one.sha256, "moved_to": one.moved_to,
            "from_epoch": one.from_epoch, "by": one.by,
            "time": datetime.fromtimestamp(one.t, UTC).isoformat(timespec="seconds"),
        }
        for one in left_out
    ]  # fmt: skip


def print_left_out(left_out: Iterable[OutlierExcluded]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:  # for grep and awk: never cut
        console.width = 10_000
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("image", "error", "threshold", "action", "looks like"):
        table.add_column(head, no_wrap=True, overflow="ellipsis")
    for one in left_out:
        image = f"{one.class_name}/{Path(one.path).name}"
        by_hand = f"{one.action} by {one.by}" if one.by else one.action
        cells = (image, f"{one.error:.4g}", f"{one.threshold:.4g}", by_hand, one.looks_like or "-")
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)
