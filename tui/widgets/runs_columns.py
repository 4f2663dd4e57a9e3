"""The columns of the table of runs: what stands in each, and which ones a width has room for."""

from collections.abc import Callable
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from tui.run_fields import FIELDS
from tui.run_rows import RunRow
from tui.widgets.look import BAD, BEST, FAINT, GOOD, MUTED, PLAIN, RATE, STRONG, TRAIN, WARN, Glyphs
from tui.widgets.wording import duration, moment, percent

_STATUS: dict[str, Style] = {
    "starting": TRAIN, "running": GOOD, "paused": WARN, "finished": PLAIN, "stopped": RATE,
    "interrupted": WARN, "failed": BAD,
}  # fmt: skip
_GAP = 2
_LEAST_NAME, _MOST_NAME = 12, 42


class Column(NamedTuple):
    field: str
    """In ``tui.run_fields``: what it is sorted by."""
    head: str
    width: int
    cell: Callable[[RunRow, Glyphs], str]
    style: Callable[[RunRow], Style]
    right: bool = False
    rank: int = 0
    """The lower, the longer it stays where room grows scarce; 0: always."""


def best(row: RunRow) -> str:
    if row.facts is None or row.facts.best is None:
        return ""
    return percent(row.facts.best) if row.facts.monitor == "val_acc" else f"{row.facts.best:.5f}"


def epochs(row: RunRow) -> str:
    return f"{row.facts.epoch}/{row.facts.epochs}" if row.facts and row.facts.epochs else ""


def started(row: RunRow) -> str:
    return moment(row.facts.started) if row.facts and row.facts.started else ""


def lasted(row: RunRow) -> str:
    value = FIELDS["duration"].value(row)
    return duration(value) if isinstance(value, float) else ""


def _lr(row: RunRow) -> str:
    return f"{row.facts.lr:.2e}" if row.facts and row.facts.lr is not None else ""


def status_style(row: RunRow) -> Style:
    return _STATUS[row.facts.status] if row.facts else FAINT


_COLUMNS = [
    Column("state", "state", 11, lambda row, _: row.facts.status if row.facts else "reading", status_style),
    Column("name", "name", 0, lambda row, glyphs: glyphs.clean(row.name), lambda _: PLAIN),
    Column("epoch", "epoch", 9, lambda row, _: epochs(row), lambda _: PLAIN, right=True),
    Column("best", "best", 9, lambda row, _: best(row), lambda _: BEST, right=True),
    Column("started", "started", 11, lambda row, _: started(row)[5:], lambda _: MUTED, rank=1),
    Column(
        "tags", "tags", 14, lambda row, glyphs: glyphs.clean(" ".join(row.labels.tags)), lambda _: RATE, rank=2
    ),
    Column(
        "model", "model", 22, lambda row, glyphs: glyphs.clean(row.facts.model) if row.facts else "",
        lambda _: MUTED, rank=3,
    ),
    Column("duration", "duration", 10, lambda row, _: lasted(row), lambda _: MUTED, right=True, rank=4),
    Column("lr", "LR", 8, lambda row, _: _lr(row), lambda _: MUTED, right=True, rank=5),
    Column(
        "data", "data", 18, lambda row, glyphs: glyphs.cut_start(_data(row, glyphs), 18), lambda _: MUTED, rank=6
    ),
    Column(
        "host", "host", 12, lambda row, glyphs: glyphs.clean(row.facts.host) if row.facts else "",
        lambda _: MUTED, rank=7,
    ),
]  # fmt: skip
_SHOWN = ["state", "name", "model", "data", "epoch", "best", "lr", "started", "duration", "host", "tags"]


def _data(row: RunRow, glyphs: Glyphs) -> str:
    return glyphs.clean(row.facts.data) if row.facts else ""


def choose_columns(width: int, longest: int, *, tagged: bool) -> list[Column]:
    """Return the columns that ``width`` cells hold, left to right, widths final.

    ``longest``: cells of the longest name; ``tagged``: whether a run has tags.
    """
    wanted = min(max(_LEAST_NAME, longest), _MOST_NAME)
    chosen = [column for column in _COLUMNS if not column.rank]
    room = width - sum(column.width + _GAP for column in chosen) + _GAP
    optional = [one for one in _COLUMNS if one.rank and (tagged or one.field != "tags")]
    for column in sorted(optional, key=lambda one: one.rank):
        if room - column.width - _GAP >= wanted:
            chosen.append(column)
            room -= column.width + _GAP
    name = max(8, min(room, max(longest, _LEAST_NAME)))
    chosen = [column._replace(width=name) if column.field == "name" else column for column in chosen]
    return sorted(chosen, key=lambda column: _SHOWN.index(column.field))


def column_at(columns: list[Column], x: int) -> Column | None:
    """Return the column that covers cell ``x`` of a row, the gap after it included."""
    for column in columns:
        if x < column.width + _GAP:
            return column if x >= 0 else None
        x -= column.width + _GAP
    return None


def fit_name(name: str, width: int, glyphs: Glyphs) -> str:
    """Return a name in ``width`` cells. Of a long one both ends stay: names of a series differ at their end."""
    if cell_len(name) <= width:
        return glyphs.fit(name, width)
    end = glyphs.cut_start(name, width // 2)
    return set_cell_size(name, width - cell_len(end)) + end


def emphasis(row: RunRow, *, here: bool) -> Style:
    """Return the style of a name."""
    return STRONG if here or row.alive else PLAIN
