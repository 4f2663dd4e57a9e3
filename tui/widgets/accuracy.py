"""Panel: training and validation accuracy of every epoch, the best one marked."""

from rich.text import Text

from engine.journal.state import RunState
from tui.widgets import plot
from tui.widgets.edge import edge_says
from tui.widgets.look import BEST, FAINT, MUTED, PLAIN, TRAIN, VAL, Glyphs, styled
from tui.widgets.panel import Panel
from tui.widgets.plot_marks import steered, steering_facts
from tui.widgets.plot_words import as_many, kinds
from tui.widgets.view import View
from tui.widgets.wording import percent, score


class Accuracy(Panel):
    """Latest and best figures over the whole history as a plot; a table of epochs until plotext is there."""

    title = "accuracy"
    plot_ready = False

    def facts(self, view: View) -> object:
        state = view.state
        last = state.epochs[-1] if state.epochs else None
        first = state.step if last is None else None
        known = (last, first, state.started, state.epoch is None, steering_facts(state))
        return self.plot_ready, len(state.epochs), known

    def enable_plot(self) -> None:
        """plotext has been imported."""
        self.plot_ready = True
        self._redraw()

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        state, glyphs = view.state, view.glyphs
        if not state.epochs:
            return _waiting(state, glyphs)
        figures = _figures(state, width, glyphs)
        left = height - len(figures)
        drawn = self.plot_ready and left >= 4 and width >= 24
        asked = steered(state.steered, glyphs) if drawn else []
        self._say_kinds(as_many(kinds(asked), width - 2))
        if not drawn:
            return figures + _table(state, left, glyphs)
        epochs = state.epochs
        best = next((epoch for epoch in epochs if epoch.epoch == state.early_stop.best_epoch), None)
        return figures + plot.curves(
            [epoch.epoch for epoch in epochs],
            [epoch.val_acc for epoch in epochs],
            [epoch.train_acc for epoch in epochs],
            (best.epoch, best.val_acc) if best else None,
            asked,
            width,
            left,
            glyphs,
        )

    def _say_kinds(self, kinds: Text) -> None:
        """Have the panel's edge say what the letters at the foot of the plot mean."""
        edge_says(self, subtitle=kinds.plain)


def _figures(state: RunState, width: int, glyphs: Glyphs) -> list[Text]:
    """The latest epoch's figures and the best; they are the plot's legend too."""
    last, stop = state.epochs[-1], state.early_stop
    val = styled(f"{glyphs.val} val ", MUTED).append(percent(last.val_acc), VAL)
    train = styled(f"{glyphs.train} train ", MUTED).append(percent(last.train_acc), TRAIN)
    best = styled(f"{glyphs.best} best ", MUTED).append(score(stop.monitor, stop.best), BEST)
    best.append(f" epoch {stop.best_epoch}", MUTED)
    loss = styled("val loss ", MUTED).append(f"{last.val_loss:.5f}", PLAIN)
    at = styled(f"epoch {last.epoch}", MUTED)
    for parts in ([at, val, train, best, loss], [val, train, best, loss], [val, train, best]):
        if sum(part.cell_len + 2 for part in parts) - 2 <= width:
            return [Text("  ").join(parts)]
    return _narrow(state, width, glyphs) or [Text("  ").join([val, train]), best]


def _narrow(state: RunState, width: int, glyphs: Glyphs) -> list[Text]:
    """All three in one row of about 44 cells; nothing when they don't fit."""
    last, stop = state.epochs[-1], state.early_stop
    row = styled(f"{glyphs.val}val ", MUTED).append(f"{last.val_acc:.2f}%", VAL)
    row.append(f" {glyphs.train}train ", MUTED).append(f"{last.train_acc:.2f}%", TRAIN)
    if stop.best is None:
        return []
    number = f"{stop.best:.2f}%" if stop.monitor == "val_acc" else f"loss {stop.best:.3f}"
    row.append(f" {glyphs.best}best ", MUTED).append(number, BEST)
    at = f" at {stop.best_epoch}"
    if row.cell_len + len(at) <= width:
        row.append(at, MUTED)
    return [row] if row.cell_len <= width else []


def _table(state: RunState, height: int, glyphs: Glyphs) -> list[Text]:
    rows = [styled("epoch    train      val  val loss", MUTED)]
    for epoch in state.epochs[-max(0, height - 1) :] if height > 1 else []:
        row = Text(
            f"{epoch.epoch:>5} {epoch.train_acc:>8.2f} {epoch.val_acc:>8.2f} {epoch.val_loss:>9.5f}", PLAIN
        )
        rows.append(
            row.append(f" {glyphs.best} best", BEST) if epoch.epoch == state.early_stop.best_epoch else row
        )
    return rows[: max(0, height)]


def _waiting(state: RunState, glyphs: Glyphs) -> list[Text]:
    rows = [styled("no epoch has ended yet", MUTED)]
    if state.step is not None:
        row = styled(f"epoch {state.step.epoch} so far: ", MUTED)
        row.append(f"train {percent(state.step.train_acc)}", TRAIN)
        rows.append(row.append(f" {glyphs.dot} loss {state.step.loss:.4f}", PLAIN))
    rows.append(styled("the curves begin after the first validation", FAINT))
    return rows
