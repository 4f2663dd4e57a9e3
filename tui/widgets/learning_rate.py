"""Panel: the learning rate in force, its steps, where and why it decayed, and who set it."""

from rich.cells import cell_len
from rich.text import Text

from engine.control.commands import asker
from engine.core.text import count
from engine.journal.events import LrDecayed, RunStarted, SettingChanged
from engine.journal.state import RunState
from tui.widgets.look import FAINT, MUTED, PLAIN, RATE, Glyphs, styled
from tui.widgets.panel import Panel
from tui.widgets.plot_marks import by_cell, steered, steering_facts
from tui.widgets.staircase import column_of, staircase
from tui.widgets.view import View
from tui.widgets.wording import learning_rate


class LearningRate(Panel):
    """The rate as the training log prints it; a staircase where there is room; the newest decays."""

    title = "learning rate"

    def facts(self, view: View) -> object:
        state = view.state
        return (
            state.lr,
            len(state.decays),
            len(state.epochs),
            state.epoch,
            state.started,
            steering_facts(state),
        )

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        state, glyphs = view.state, view.glyphs
        if state.started is None or state.lr is None:
            return [styled("not known yet", MUTED)]
        rows = [_now(state, width, glyphs)]
        rest = height - 1
        if rest >= 5:
            chart = max(3, min(rest - 3, rest * 3 // 5))
            rows += _stairs(state, width, chart, glyphs)
            rest -= chart
        return rows + _changes(state, state.started, width, rest, glyphs)


def _now(state: RunState, width: int, glyphs: Glyphs) -> Text:
    assert state.started is not None
    assert state.lr is not None
    row = styled(learning_rate(state.lr), RATE)
    if state.lr == state.started.lr:
        return row.append("  as at the start" if width >= 28 else "", MUTED)
    tail = f"  from {learning_rate(state.started.lr)}"
    if row.cell_len + len(tail) > width:
        tail = f"  {glyphs.times}{state.lr / state.started.lr:.3g}"
    return row.append(tail, MUTED)


def _history(state: RunState) -> list[float]:
    values = [epoch.lr for epoch in state.epochs]
    if state.lr is not None and (not values or (state.epoch and state.epoch.epoch > state.epochs[-1].epoch)):
        values.append(state.lr)
    return values


def _stairs(state: RunState, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """The staircase, and in free cells of its epochs the letters of what was asked for."""
    history, asked = _history(state), steered(state.steered, glyphs)
    lines = staircase(history, width, height, glyphs)
    first = state.epochs[0].epoch if state.epochs else asked[0].epoch if asked else 1
    columns = [column_of(mark.epoch - first, len(history), width) for mark in asked]
    letters = by_cell(asked, columns)
    free = {
        column: [
            (row, at) for at in (column, column + 1) for row in (-1, 0) if lines[row][at : at + 1] == " "
        ]
        for column in letters
    }
    rows = [styled(line, RATE) for line in lines]
    for column, (letter, style) in letters.items():
        for row, at in free[column][:1]:
            rows[row] = rows[row][:at].append(letter, style).append_text(rows[row][at + 1 :])
    return rows


def _changes(state: RunState, started: RunStarted, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """The newest change with its reason, then older ones, newest first, as many as there is room for."""
    sets = [change for change in state.settings if change.key == "optim.lr"]
    if not state.decays and not sets:
        epochs = state.epoch.epochs if state.epoch else started.epochs
        rule = glyphs.cut(_rule(started, epochs, width, glyphs), width)
        return [styled("no decay yet", MUTED), styled(rule, FAINT)][:height]
    rows: list[Text] = []
    changes: list[LrDecayed | SettingChanged] = sorted([*state.decays, *sets], key=lambda change: change.seq)
    for change in reversed(changes):
        if len(rows) >= height:
            break
        rows.append(_change(change, width, glyphs))
        why = glyphs.clean(change.reason if isinstance(change, LrDecayed) else _setter(change))
        rows.append(styled(glyphs.cut(f"{'  ' if width > 40 else ''}{why}", width), MUTED))
    return rows[:height]


def _setter(change: SettingChanged) -> str:
    return f"set by {asker(change.by, change.pid)}" if change.by else "set while the run went on"


def _change(change: LrDecayed | SettingChanged, width: int, glyphs: Glyphs) -> Text:
    before, after = float(change.old), float(change.new)
    old, new = learning_rate(before), learning_rate(after)
    row = styled(f"epoch {change.epoch:<3} ", MUTED).append(f"{old} {glyphs.arrow} {new}", PLAIN)
    if row.cell_len > width:
        row = styled(f"epoch {change.epoch} ", MUTED).append(
            f"{before:.2e} {glyphs.arrow} {after:.2e}", PLAIN
        )
    return row


def _rule(started: RunStarted, epochs: int, width: int, glyphs: Glyphs) -> str:
    by = f"{glyphs.times}{started.factor:g}"
    if started.schedule == "cosine":
        return f"cosine over {count(epochs, 'epoch')}"
    if started.schedule == "plateau":
        return f"{by} on a plateau of the loss"
    whole = f"{by} every {started.every} epochs without a better score"
    return whole if cell_len(whole) <= width else f"{by} every {started.every} without better"
