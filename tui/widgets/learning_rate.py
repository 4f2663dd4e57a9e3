"""Panel: the learning rate in force, its steps, and where and why it decayed."""

from rich.text import Text

from engine.events import LrDecayed, RunStarted
from engine.state import RunState
from tui.widgets.look import FAINT, MUTED, PLAIN, RATE, Glyphs
from tui.widgets.panel import Panel
from tui.widgets.staircase import staircase
from tui.widgets.view import View
from tui.widgets.wording import count, learning_rate


class LearningRate(Panel):
    """The rate as the training log prints it; a staircase where there is room; the newest decays."""

    title = "learning rate"

    def facts(self, view: View) -> object:
        state = view.state
        return state.lr, len(state.decays), len(state.epochs), state.epoch, state.started

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        state, glyphs = view.state, view.glyphs
        if state.started is None or state.lr is None:
            return [Text("not known yet", MUTED)]
        rows = [_now(state, width, glyphs)]
        rest = height - 1
        if rest >= 5:
            chart = max(3, min(rest - 3, rest * 3 // 5))
            rows += [Text(line, RATE) for line in staircase(_history(state), width, chart, glyphs)]
            rest -= chart
        return rows + _decays(state, state.started, width, rest, glyphs)


def _now(state: RunState, width: int, glyphs: Glyphs) -> Text:
    assert state.started is not None
    assert state.lr is not None
    row = Text(learning_rate(state.lr), RATE)
    if state.lr == state.started.lr:
        tail = "  as at the start"
    else:
        tail = f"  from {learning_rate(state.started.lr)}"
    if row.cell_len + len(tail) > width:
        tail = f"  {glyphs.times}{state.lr / state.started.lr:.3g}" if state.lr != state.started.lr else ""
    return row.append(tail, MUTED)


def _history(state: RunState) -> list[float]:
    values = [epoch.lr for epoch in state.epochs]
    if state.lr is not None and (not values or (state.epoch and state.epoch.epoch > state.epochs[-1].epoch)):
        values.append(state.lr)
    return values


def _decays(state: RunState, started: RunStarted, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """The newest decay with its reason, then older ones, newest first, as many as there is room for."""
    if not state.decays:
        rows = [Text("no decay yet", MUTED), Text(_rule(started, glyphs), FAINT)]
        return [Text(glyphs.cut(row.plain, width), row.style) for row in rows][:height]
    rows = []
    for decay in reversed(state.decays):
        rows.append(_decay(decay, width, glyphs))
        if len(rows) < height:
            rows.append(Text(glyphs.cut(glyphs.clean(f"  {decay.reason}"), width), MUTED))
    if len(rows) > height:
        rows = rows[:height]
    return rows


def _decay(decay: LrDecayed, width: int, glyphs: Glyphs) -> Text:
    old, new = learning_rate(decay.old), learning_rate(decay.new)
    row = Text(f"epoch {decay.epoch:<3} ", MUTED).append(f"{old} {glyphs.arrow} {new}", PLAIN)
    if row.cell_len > width:
        row = Text(f"epoch {decay.epoch} ", MUTED).append(
            f"{decay.old:.2e} {glyphs.arrow} {decay.new:.2e}", PLAIN
        )
    return row


def _rule(started: RunStarted, glyphs: Glyphs) -> str:
    if started.schedule == "cosine":
        return f"cosine over {count(started.epochs, 'epoch')}"
    by = f"{glyphs.times}{started.factor:g}"
    return (
        f"{by} on a plateau"
        if started.schedule == "plateau"
        else f"{by} every {started.every} without a better"
    )
