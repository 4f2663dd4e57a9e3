"""Panel: how near the run is to stopping early."""

from rich.text import Text

from engine.core.text import count
from tui.widgets.bar import bar
from tui.widgets.look import BAD, BEST, FAINT, GOOD, MUTED, PLAIN, STRONG, WARN, styled
from tui.widgets.panel import Panel
from tui.widgets.view import View
from tui.widgets.wording import score

_LABEL = 9


class EarlyStop(Panel):
    """A gauge counter/patience, the best score and its epoch, the epochs to go before it stops."""

    title = "early stop"

    def facts(self, view: View) -> object:
        stop = view.state.early_stop
        numbers = (stop.counter, stop.patience, stop.best, stop.best_epoch, stop.epochs_to_stop)
        return numbers, view.state.started is None, view.state.ended, len(view.state.epochs)

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        stop, glyphs = view.state.early_stop, view.glyphs
        if view.state.started is None:
            return [styled("not known yet", MUTED)]
        share = stop.counter / stop.patience if stop.patience else 0.0
        heat = GOOD if share < 0.5 else WARN if share < 0.8 else BAD
        gauge = _labelled("counter").append(f"{stop.counter}/{stop.patience} ", STRONG)
        gauge.append(bar(stop.counter, stop.patience, max(0, min(60, width - gauge.cell_len)), heat, glyphs))
        best = _labelled("best").append(score(stop.monitor, stop.best), BEST)
        if stop.best is not None:
            best.append(f" epoch {stop.best_epoch}", MUTED)
        rows = [gauge, best, _to_go(view)]
        if height >= 5:
            watched = "validation accuracy" if stop.monitor == "val_acc" else "validation loss"
            rows.append(_labelled("watches").append(watched, PLAIN))
        if height >= 7:
            rows.append(Text())
            rows.append(styled(glyphs.cut("an epoch without a better score adds one,", width), FAINT))
            rows.append(styled(glyphs.cut("a better score sets the counter to 0", width), FAINT))
        return rows


def _to_go(view: View) -> Text:
    ended, stop = view.state.ended, view.state.early_stop
    row = _labelled("to go")
    if ended is not None and ended.outcome == "early_stopped":
        return row.append("none, stopped early", WARN)
    if ended is not None and ended.outcome == "finished":
        return row.append("all epochs ran", PLAIN)
    return row.append(count(stop.epochs_to_stop, "epoch"), PLAIN).append(" to a stop", MUTED)


def _labelled(label: str) -> Text:
    return styled(label.ljust(_LABEL), MUTED)
