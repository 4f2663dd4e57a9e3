"""What runs can be sorted and filtered by: each field's name, kind, and value."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from tui.run_rows import RunRow

Kind = Literal["text", "number", "seconds", "time"]


class Field(NamedTuple):
    kind: Kind
    value: Callable[[RunRow], str | float | None]
    """None: not known (yet)."""
    order: Callable[[RunRow], tuple[bool, float]] | None = None
    """What sorts it, greatest first when descending, where its value doesn't."""


def _duration(row: RunRow) -> float | None:
    facts = row.facts
    return max(0.0, facts.updated - facts.started) if facts and facts.started else None


def _started(row: RunRow) -> float:
    return row.facts.started if row.facts and row.facts.started else row.created


def _goodness(row: RunRow) -> tuple[bool, float]:
    """Percents apart from losses, of which the least is the best."""
    facts = row.facts
    if facts is None or facts.best is None:
        return False, 0.0
    return (True, facts.best) if facts.monitor == "val_acc" else (False, -facts.best)


FIELDS: dict[str, Field] = {
    "state": Field("text", lambda row: row.facts.status if row.facts else None),
    "name": Field("text", lambda row: row.name),
    "model": Field("text", lambda row: row.facts.model if row.facts else None),
    "data": Field("text", lambda row: row.facts.data if row.facts else None),
    "epoch": Field("number", lambda row: row.facts.epoch if row.facts else None),
    "epochs": Field("number", lambda row: (row.facts.epochs or None) if row.facts else None),
    "best": Field("number", lambda row: row.facts.best if row.facts else None, _goodness),
    "lr": Field("number", lambda row: row.facts.lr if row.facts else None),
    "started": Field("time", _started),
    "duration": Field("seconds", _duration),
    "host": Field("text", lambda row: row.facts.host if row.facts else None),
    "tags": Field("text", lambda row: " ".join(row.labels.tags)),
    "note": Field("text", lambda row: row.labels.note),
}
"""``duration``: from the first start to the last event, pauses and the time between two engines included."""


def sort_rows(rows: list[RunRow], field: str, *, descending: bool) -> list[RunRow]:
    """Return the rows by a field, those without a value last, equal ones newest first.

    By ``best`` descending: percents above losses, of each kind the best first.
    """
    value, order = FIELDS[field].value, FIELDS[field].order

    def known(row: RunRow) -> bool:
        return value(row) not in (None, "")

    def key(row: RunRow) -> tuple[str, float]:
        found = value(row)
        return (found.casefold(), 0.0) if isinstance(found, str) else ("", found or 0.0)

    newest = sorted(rows, key=lambda row: (row.created, row.name), reverse=True)
    ordered = sorted((row for row in newest if known(row)), key=order or key, reverse=descending)
    return [*ordered, *(row for row in newest if not known(row))]
