"""The whole of what a panel shows a part of, scrolled."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

from rich.text import Text

from tui.widgets.early_stop import EarlyStop
from tui.widgets.look import BEST, MUTED, PLAIN, RATE, TRAIN, VAL, styled
from tui.widgets.outliers import Outliers
from tui.widgets.scrolling import Scrolling
from tui.widgets.view import View
from tui.widgets.wording import duration, learning_rate

_ALL = 1_000_000
"""A height that no list reaches."""
_RULES = 8

MakeRows: TypeAlias = Callable[[View, int], Sequence[Text]]


class ZoomRows(Scrolling):
    """``make`` draws all rows for a view and a width, ``facts`` is all that they depend on."""

    def __init__(self, title: str, facts: Callable[[View], Hashable], make: MakeRows) -> None:
        super().__init__(id="zoom-rows")
        self.border_title = title
        self._facts = facts
        self._make = make
        self._view: View | None = None
        self._known: Hashable = None
        self._rows: Sequence[Text] = []

    def show_run(self, view: View) -> None:
        self._view = view
        known = self._facts(view)
        if known != self._known:
            self._known = known
            self.relay()

    def lay(self, width: int) -> int:
        self._rows = self._make(self._view, width) if self._view is not None else []
        return len(self._rows)

    def drawn(self, start: int, end: int) -> list[Text]:
        return list(self._rows[start:end])

    def nothing(self) -> str:
        return "nothing to show yet"


def outlier_rows() -> ZoomRows:
    """Return the outlier log: every class's share, every image left out, everything that was wrong."""
    panel = Outliers(id="all-outliers")
    return ZoomRows(Outliers.title, panel.facts, lambda view, width: panel.rows(view, width, _ALL))


def early_stop_rows() -> ZoomRows:
    """Return the rule as it stands, and under it every epoch's figures, newest first."""
    panel = EarlyStop(id="all-early-stop")

    def facts(view: View) -> Hashable:
        return panel.facts(view), view.state.epochs[-1] if view.state.epochs else None

    def rows(view: View, width: int) -> list[Text]:
        return [*panel.rows(view, width, _RULES), Text(), *_epochs(view, width)]

    return ZoomRows(EarlyStop.title, facts, rows)


def _epochs(view: View, width: int) -> list[Text]:
    state = view.state
    if not state.epochs:
        return [styled("no epoch has ended yet", MUTED)]
    wide = width >= 96
    head = "epoch  counter     val %   train %   val loss train loss            LR"
    rows = [styled(head + ("      took    img/s" if wide else ""), MUTED)]
    for epoch in reversed(state.epochs):
        row = styled(f"{epoch.epoch:>5}  {epoch.counter:>3}/{epoch.patience:<3}  ", PLAIN)
        row.append(f"{epoch.val_acc:>8.2f}", VAL).append(f"  {epoch.train_acc:>8.2f}", TRAIN)
        row.append(f"  {epoch.val_loss:>9.5f}  {epoch.train_loss:>9.5f}", PLAIN)
        row.append(f"  {learning_rate(epoch.lr):>12}", RATE)
        if wide:
            row.append(f"  {duration(epoch.seconds):>8}  {epoch.images_per_s:>7,.1f}", PLAIN)
        rows.append(row.append(f" {view.glyphs.best}", BEST) if epoch.new_best else row)
    return rows
