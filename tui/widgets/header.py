"""The top of the live view: how the run stands, how far it is, how fast, how long it will take."""

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from engine.state import RunState
from tui.widgets.bar import bar
from tui.widgets.look import BEST, FAINT, MUTED, PLAIN, STRONG, TRAIN, VAL, Glyphs
from tui.widgets.panel import Panel
from tui.widgets.view import View
from tui.widgets.wording import duration, percent, rate, score

_BADGES = {
    "starting": Style.parse("bold #0f1319 on #6cb6ff"),
    "running": Style.parse("bold #0f1319 on #7ee787"),
    "paused": Style.parse("bold #0f1319 on #f2cc60"),
    "finished": Style.parse("bold #0f1319 on #7ee787"),
    "stopped": Style.parse("bold #0f1319 on #c297ff"),
    "interrupted": Style.parse("bold #0f1319 on #f2cc60"),
    "failed": Style.parse("bold #0f1319 on #ff7b72"),
}


def badge_word(view: View) -> str:
    """Say what the run is doing: its status, and which part of an epoch a running one is in."""
    state = view.state
    if view.status == "running":
        if state.predicting is not None:
            return "PREDICTING"
        return "VALIDATING" if state.validating else "TRAINING"
    if view.status == "finished" and state.ended is not None and state.ended.outcome == "early_stopped":
        return "EARLY STOP"
    return view.status.upper()


class Header(Panel):
    """Two rows: state, run, model and the scores; then epoch and step progress, images/s, time left."""

    def __init__(self, name: str) -> None:
        super().__init__(id="header")
        self.remove_class("panel")
        self._name_of_run = name

    def facts(self, view: View) -> object:
        state = view.state
        scores = (len(state.epochs), state.early_stop.best, state.started)
        return view.status, badge_word(view), scores, state.epoch, state.step, state.predicting, state.ended

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        return [self._identity(view, width), self._progress(view, width)]

    def _identity(self, view: View, width: int) -> Text:
        state, glyphs = view.state, view.glyphs
        right = _scores(state, glyphs) if width >= 100 else Text()
        row = Text(f" {badge_word(view)} ", _BADGES[view.status]).append("  ")
        room = width - row.cell_len - right.cell_len - 1
        name = glyphs.clean(self._name_of_run)
        model = glyphs.clean(state.started.model) if state.started else ""
        if model and cell_len(name) + cell_len(model) + 3 > room:
            # A default name ends in the model's; what is cut must not be both.
            name = glyphs.cut(name, max(8, room - cell_len(model) - 3))
        row.append(glyphs.cut(name, room), STRONG)
        if model:
            row.append(f" {glyphs.dot} ", FAINT)
            row.append(glyphs.cut(model, max(4, width - right.cell_len - 1 - row.cell_len)), MUTED)
        row.append(" " * max(0, width - right.cell_len - row.cell_len))
        return row.append(right)

    def _progress(self, view: View, width: int) -> Text:
        state, glyphs = view.state, view.glyphs
        total = state.epoch.epochs if state.epoch else state.started.epochs if state.started else 0
        at = state.epoch.epoch if state.epoch else len(state.epochs)
        epoch = f"epoch {at:>{len(str(total))}}/{total or '?'} "
        label, done, steps = _step(state)
        step = f"  {label} {done:>{len(str(steps))}}/{steps or '?'} "
        tail = _tail(view, width)
        spare = width - len(epoch) - len(step) - tail.cell_len
        each = min(40, max(0, spare // 2))
        row = Text(epoch, PLAIN)
        row.append(bar(len(state.epochs), total, each, VAL, glyphs))
        row.append(step, PLAIN)
        row.append(bar(done, steps, min(40, max(0, spare - each)), TRAIN, glyphs))
        row.append(" " * max(0, width - row.cell_len - tail.cell_len))
        return row.append(tail)


def _step(state: RunState) -> tuple[str, int, int]:
    if state.predicting is not None:
        return "predict", state.predicting.done, state.predicting.total
    if state.step is not None:
        return "step", state.step.step, state.step.steps
    return "step", 0, state.epoch.steps if state.epoch else 0


def _tail(view: View, width: int) -> Text:
    """Speed and time left of a live run, the time it took of one that is over."""
    state = view.state
    if not view.alive:
        if state.ended is None and not state.epochs:
            return Text()
        return Text("  took ", MUTED).append(duration(state.updated_at - state.first_started_at), PLAIN)
    row = Text()
    step = state.step
    if step is not None and width >= 110:
        row.append("  loss ", MUTED).append(f"{step.loss:6.4f}", PLAIN)
        row.append("  train ", MUTED).append(f"{step.train_acc:5.1f} %", PLAIN)
    speed = step.images_per_s if step else state.epochs[-1].images_per_s if state.epochs else None
    row.append("  ").append(f"{rate(speed) if speed is not None else '?':>6}", PLAIN).append(" img/s", MUTED)
    left = duration(step.eta) if step and step.eta is not None else "?"
    return row.append("  left ", MUTED).append(f"{left:>7}", STRONG)


def _scores(state: RunState, glyphs: Glyphs) -> Text:
    if not state.epochs:
        return Text()
    row = Text("  val ", MUTED).append(percent(state.epochs[-1].val_acc), VAL)
    row.append(f"  {glyphs.best} best ", MUTED)
    row.append(score(state.early_stop.monitor, state.early_stop.best), BEST)
    return row.append(f" epoch {state.early_stop.best_epoch}", MUTED)
