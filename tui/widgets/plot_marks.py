"""What befell a run at which epoch: the marks under its curves, and their words."""

from collections.abc import Iterator
from typing import NamedTuple

from rich.style import Style

from engine.state import RunState
from tui.widgets.look import BEST, GOOD, KEY, RATE, WARN, Glyphs
from tui.widgets.wording import learning_rate


class Mark(NamedTuple):
    """``letter`` stands under the curves; ``word`` says its kind, ``text`` all of it, safe to show."""

    epoch: int
    letter: str
    word: str
    text: str
    style: Style


def marks(state: RunState, glyphs: Glyphs) -> list[Mark]:
    """Return the run's marks by epoch; what is first said of an epoch is that it is the best."""
    return sorted(_marks(state, glyphs), key=lambda mark: mark.epoch)


def _marks(state: RunState, glyphs: Glyphs) -> Iterator[Mark]:
    if state.early_stop.best_epoch:
        yield Mark(state.early_stop.best_epoch, glyphs.best, "best", "the best epoch", BEST)
    for decay in state.decays:
        change = f"{learning_rate(decay.old)} {glyphs.arrow} {learning_rate(decay.new)}"
        text = f"learning rate {change}: {glyphs.clean(decay.reason)}"
        yield Mark(decay.epoch, "d", "decay", text, RATE)
    for setting in state.settings:
        change = f"{setting.old} {glyphs.arrow} {setting.new}"
        yield Mark(setting.epoch, "s", "setting", glyphs.clean(f"{setting.key} {change}"), KEY)
    for start in state.resumes:
        text = f"resumed on {glyphs.clean(start.host)}, attempt {start.attempt}"
        yield Mark(start.resumed_epoch, "r", "resumed", text, GOOD)
    for back in state.rollbacks:
        yield Mark(back.epoch, "b", "rolled back", f"back to the weights of epoch {back.best_epoch}", WARN)
    for cut in state.cuts:
        yield Mark(cut.epoch, "c", "cut short", f"cut short after step {cut.step} of {cut.steps}", WARN)
