"""What befell a run at which epoch: the marks under its curves, and their words."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from rich.style import Style

from engine.control.commands import asker
from engine.core.text import count
from engine.journal.events import OutlierExcluded
from engine.journal.state import RunState, SteeringHistory
from tui.widgets.look import BEST, GOOD, KEY, RATE, WARN, Glyphs
from tui.widgets.wording import learning_rate

SEVERAL = "&"
"""Stands for marks of several kinds that share a cell."""


class Mark(NamedTuple):
    """``letter`` stands under the curves; ``word`` says its kind, ``text`` all of it, safe to show."""

    epoch: int
    letter: str
    word: str
    text: str
    style: Style


def marks(state: RunState, glyphs: Glyphs) -> list[Mark]:
    """Return the run's marks by epoch; what is first said of an epoch is that it is the best."""
    return sorted([*_befallen(state, glyphs), *_steered(state.steered, glyphs)], key=lambda mark: mark.epoch)


def steered(asked: SteeringHistory, glyphs: Glyphs) -> list[Mark]:
    """Return the marks of what was asked for while the run went on, by epoch."""
    return sorted(_steered(asked, glyphs), key=lambda mark: mark.epoch)


def steering_facts(state: RunState) -> Hashable:
    """Return what ``steered`` depends on, cheap to compare."""
    return len(state.settings), len(state.rollbacks), len(state.cuts), len(state.outliers.changes)


def by_cell(marks: Sequence[Mark], cells: Sequence[int]) -> dict[int, tuple[str, Style]]:
    """Return the sign to stand in each of ``cells``, one for each mark: its letter, or that there are several.

    The best epoch, which has a sign in the plot itself, gives way.
    """
    letters: dict[int, tuple[str, Style]] = {}
    for mark, cell in zip(marks, cells, strict=True):
        before = letters.get(cell)
        alone = before is None or before[0] == mark.letter or before[1] == BEST
        letters[cell] = (mark.letter, mark.style) if alone else (SEVERAL, KEY)
    return letters


def _befallen(state: RunState, glyphs: Glyphs) -> Iterator[Mark]:
    if state.early_stop.best_epoch:
        yield Mark(state.early_stop.best_epoch, glyphs.best, "best", "the best epoch", BEST)
    for decay in state.decays:
        change = f"{learning_rate(decay.old)} {glyphs.arrow} {learning_rate(decay.new)}"
        text = f"learning rate {change}: {glyphs.clean(decay.reason)}"
        yield Mark(decay.epoch, "d", "decay", text, RATE)
    for start in state.resumes:
        text = f"resumed on {glyphs.clean(start.host)}, attempt {start.attempt}"
        yield Mark(start.resumed_epoch, "r", "resumed", text, GOOD)


def _steered(asked: SteeringHistory, glyphs: Glyphs) -> Iterator[Mark]:
    for setting in asked.settings:
        text = f"{setting.key} {setting.old} {glyphs.arrow} {setting.new}{_by(setting.by, setting.pid)}"
        yield Mark(setting.epoch, "s", "setting", glyphs.clean(text), KEY)
    for back in asked.rollbacks:
        weights = f"weights of epoch {back.best_epoch}" if back.best_epoch else "last saved weights"
        why = f": {back.reason}" if back.reason else _by(back.by, back.pid)
        text = f"back to the {weights}{why}"
        yield Mark(back.epoch, "b", "rolled back", glyphs.clean(text), WARN)
    for cut in asked.cuts:
        text = f"cut short after step {cut.step} of {cut.steps}{_by(cut.by, cut.pid)}"
        yield Mark(cut.epoch, "c", "cut short", glyphs.clean(text), WARN)
    # One for all images that someone let in or left out together.
    together = Counter(
        (change.from_epoch, isinstance(change, OutlierExcluded), change.by) for change in asked.changes
    )
    for (epoch, left_out, by), images in together.items():
        letter, word = ("e", "left out") if left_out else ("u", "restored")
        text = f"{count(images, 'image')} {word}{_by(by, 0)}"
        yield Mark(epoch, letter, word, glyphs.clean(text), KEY)


def _by(by: str, pid: int) -> str:
    return f", by {asker(by, pid)}" if by else ""
