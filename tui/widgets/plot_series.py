"""The curves of a run that are drawn together: which they are, and how each looks."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Literal, NamedTuple, get_args

from rich.style import Style

from engine.journal.events import EpochEnded
from tui.widgets.look import RATE, TRAIN, VAL, Glyphs

Quantity = Literal["accuracy", "loss", "learning rate"]
Shown = Literal["accuracy", "loss", "both", "learning rate"]
SHOWN: tuple[Shown, ...] = get_args(Shown)


class Series(NamedTuple):
    """``joined`` curves are lines, the others points: told apart without colour."""

    name: str
    joined: bool
    style: Style
    value: Callable[[EpochEnded], float]


_SERIES: dict[Quantity, tuple[Series, ...]] = {
    "accuracy": (
        Series("train", False, TRAIN, attrgetter("train_acc")),
        Series("val", True, VAL, attrgetter("val_acc")),
    ),
    "loss": (
        Series("train", False, TRAIN, attrgetter("train_loss")),
        Series("val", True, VAL, attrgetter("val_loss")),
    ),
    "learning rate": (Series("learning rate", True, RATE, attrgetter("lr")),),
}


def series_of(quantity: Quantity) -> tuple[Series, ...]:
    """Return the curves of a quantity; what comes later lies over the others."""
    return _SERIES[quantity]


def quantities(shown: Shown) -> tuple[Quantity, ...]:
    return ("accuracy", "loss") if shown == "both" else (shown,)


def sign(one: Series, glyphs: Glyphs) -> str:
    """Return the shape that a curve has in the plot."""
    return glyphs.val if one.joined else glyphs.train


def values_of(epochs: Sequence[EpochEnded], one: Series) -> list[float]:
    return list(map(one.value, epochs))
