"""The top row of the live view: which run this is, and how it stands."""

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from engine.journal.state import RunState
from tui.widgets.look import BEST, FAINT, MUTED, STRONG, VAL, Glyphs, styled
from tui.widgets.panel import Panel
from tui.widgets.view import View
from tui.widgets.wording import percent, score

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
        if state.ended is not None:
            return "ENDING"
        if state.predicting is not None:
            return "PREDICTING"
        return "VALIDATING" if state.validating else "TRAINING"
    if view.status == "finished" and state.ended is not None and state.ended.outcome == "early_stopped":
        return "EARLY STOP"
    return "OUTLIERS" if view.status == "starting" and state.finding_outliers else view.status.upper()


class Header(Panel):
    """The first row: what the run is doing, its name, its model, the newest and the best score."""

    def __init__(self, name: str) -> None:
        super().__init__(id="header")
        self.remove_class("panel")
        self._name_of_run = name
        self._scores = Text()

    def score(self, view: View) -> None:
        """Take the scores from ``view``, together with the panels that draw them: no two say different ones."""
        self._scores = _scores(view.state, view.glyphs)

    def facts(self, view: View) -> object:
        return view.status, badge_word(view), self._scores.plain, view.state.started

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        state, glyphs = view.state, view.glyphs
        right = self._scores if width >= 100 else Text()
        # As wide for all: the name beside it needn't be written anew when validation begins and ends.
        row = styled(f" {badge_word(view):^10} ", _BADGES[view.status]).append("  ")
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
        return [row.append(right)]


def _scores(state: RunState, glyphs: Glyphs) -> Text:
    if not state.epochs:
        return Text()
    row = styled("  val ", MUTED).append(percent(state.epochs[-1].val_acc), VAL)
    row.append(f"  {glyphs.best} best ", MUTED)
    row.append(score(state.early_stop.monitor, state.early_stop.best), BEST)
    row.append(f" epoch {state.early_stop.best_epoch}", MUTED)
    if state.test is not None:
        row.append("  test ", MUTED).append(percent(state.test.acc), BEST)
    return row
