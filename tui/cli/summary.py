"""A run in a few figures, for ``vrdl-tui runs``."""

import time

import msgspec

from engine.core.text import encodable, printable
from engine.journal.state import Status
from engine.run.overview import Overview
from tui.cli.standing import score
from tui.run_fields import FIELDS
from tui.run_rows import RunRow


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The object that ``runs --json`` prints: names and meanings are kept from version to version.

    ``best`` is percent or loss as ``monitor`` says; ``test_acc`` and ``test_macro_f1`` are percents of the
    ``test_images`` with a label, if the run predicted them after its last epoch; times are UTC,
    ``2026-01-31T12:00:00Z``; ``duration`` is in seconds, from the first start to the last event; None stands for what
    is not known yet.
    """

    name: str
    path: str
    state: Status
    reason: str | None
    model: str | None
    data: str | None
    epoch: int
    epochs: int | None
    best: float | None
    best_epoch: int | None
    monitor: str | None
    test_acc: float | None
    test_macro_f1: float | None
    test_images: int | None
    lr: float | None
    started: str | None
    updated: str | None
    duration: float | None
    host: str | None
    tags: list[str]
    note: str | None

    def cells(self) -> list[str]:
        """Return the row of the table, safe to show."""
        best = "" if self.best is None else score(self.monitor or "", self.best)
        epoch = f"{self.epoch}/{self.epochs}" if self.epochs else ""
        last = (self.updated or "").replace("T", " ").removesuffix("Z")[:16]
        return [
            printable(self.name),
            self.state,
            epoch,
            best,
            printable(self.model or ""),
            f"{last} UTC" if last else "",
            printable(" ".join(self.tags)),
        ]


def summarize(row: RunRow, facts: Overview) -> Summary:
    """Return the summary of a row whose journal has been read as ``facts``."""
    duration = FIELDS["duration"].value(row)
    return Summary(
        name=encodable(row.name),
        path=encodable(str(row.run.path.resolve())),
        state=facts.status,
        reason=facts.reason or None,
        model=facts.model or None,
        data=facts.data or None,
        epoch=facts.epoch,
        epochs=facts.epochs or None,
        best=facts.best,
        best_epoch=facts.best_epoch or None,
        monitor=facts.monitor or None,
        test_acc=facts.test_acc,
        test_macro_f1=facts.test_macro_f1,
        test_images=facts.test_images or None,
        lr=facts.lr,
        started=_utc(facts.started),
        updated=_utc(facts.updated),
        duration=round(duration, 3) if isinstance(duration, float) else None,
        host=facts.host or None,
        tags=list(row.labels.tags),
        note=row.labels.note or None,
    )


def _utc(t: float) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t)) if t else None
