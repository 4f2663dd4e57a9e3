"""Panel: the learning rate in force, its steps, and where and why it decayed."""

from rich.cells import cell_len
from rich.text import Text

from engine.events import LrDecayed, RunStarted
from engine.state import RunState
from tui.widgets.look import FAINT, MUTED, PLAIN, RATE, Glyphs, styled
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
            return [styled("not known yet", MUTED)]
        rows = [_now(state, width, glyphs)]
        rest = height - 1
        if rest >= 5:
            chart = max(3, min(rest - 3, rest * 3 // 5))
            rows += [styled(line, RATE) for line in staircase(_history(state), width, chart, glyphs)]
            rest -= chart
        return rows + _decays(state, state.started, width, rest, glyphs)


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


def _decays(state: RunState, started: RunStarted, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """The newest decay with its reason, then older ones, newest first, as many as there is room for."""
    if not state.decays:
        rule = glyphs.cut(_rule(started, width, glyphs), width)
        return [styled("no decay yet", MUTED), styled(rule, FAINT)][:height]
    rows = []
    for decay in reversed(state.decays):
        rows.append(_decay(decay, width, glyphs))
        if len(rows) < height:
            rows.append(
                styled(glyphs.cut(glyphs.clean(f"{'  ' if width > 40 else ''}{decay.reason}"), width), MUTED)
            )
    if len(rows) > height:
        rows = rows[:height]
    return rows


def _decay(decay: LrDecayed, width: int, glyphs: Glyphs) -> Text:
    old, new = learning_rate(decay.old), learning_rate(decay.new)
    row = styled(f"epoch {decay.epoch:<3} ", MUTED).append(f"{old} {glyphs.arrow} {new}", PLAIN)
    if row.cell_len > width:
        row = styled(f"epoch {decay.epoch} ", MUTED).append(
            f"{decay.old:.2e} {glyphs.arrow} {decay.new:.2e}", PLAIN
        )
    return row


def _rule(started: RunStarted, width: int, glyphs: Glyphs) -> str:
    by = f"{glyphs.times}{started.factor:g}"
    if started.schedule == "cosine":
        return f"cosine over {count(started.epochs, 'epoch')}"
    if started.schedule == "plateau":
        return f"{by} on a plateau of the loss"
    whole = f"{by} every {started.every} epochs without a better score"
    return whole if cell_len(whole) <= width else f"{by} every {started.every} without better"
