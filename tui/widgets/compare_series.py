"""How the runs of a comparison are told apart: each has a colour and a mark of its own."""

from collections.abc import Callable
from typing import NamedTuple

from rich.style import Style

from engine.journal.events import EpochEnded
from tui.widgets.look import BAD, BEST, KEY, PLAIN, RATE, VAL, Glyphs

STYLES: tuple[Style, ...] = (KEY, BEST, VAL, RATE, BAD, PLAIN)

_MARKS = "●▲■◆▼★○△□◇▽☆"
_PLAIN_MARKS = "*o+x#@%&=^sv"


class Curve(NamedTuple):
    title: str
    unit: str
    value: Callable[[EpochEnded], float]


CURVES: tuple[Curve, ...] = (
    Curve("validation accuracy", " %", lambda epoch: epoch.val_acc),
    Curve("training accuracy", " %", lambda epoch: epoch.train_acc),
    Curve("validation loss", "", lambda epoch: epoch.val_loss),
    Curve("learning rate", "", lambda epoch: epoch.lr),
)


def mark(at: int, glyphs: Glyphs) -> str:
    """Return the mark of the run at a position, 0 to 11."""
    return (_PLAIN_MARKS if glyphs.ascii else _MARKS)[at]


def colour(at: int) -> int:
    """Return the position in ``STYLES``: after the sixth run they come again, with other marks."""
    return at % len(STYLES)
