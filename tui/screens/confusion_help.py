"""The keys of one screen, in a box over it."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.box import Box, TextBlock
from tui.widgets.look import KEY, MUTED, PLAIN, Glyphs, styled
from tui.widgets.wrapping import wrap

_WIDTH = 70
_CLOSING = "escape,q,question_mark,f1,enter,space,b,ctrl+c,ctrl+q"

CONFUSION_KEYS = (
    ("arrows", "another cell; in a list beside it, up and down"),
    ("n, p", "next and previous image of the cell"),
    ("tab", "the cell's pictures, the confused pairs, the classes' rates"),
    ("Enter", "go to the cell of the pair or class"),
    ("s", "sort: pairs by one way or both summed; classes by each rate"),
    ("%", "images, shares of the true class, shares of the predicted class"),
    ("w", "the newest matrix, the best weights', that of labelled test images"),
    ("e", "write the matrix as CSV and PNG into the run's folder"),
    ("esc", "back"),
)
CONFUSION_NOTE = (
    "The pictures are those of the best weights. Of the images that were taken for something else the ones come "
    "first of which the model was surest; of the right ones those of which it was least sure."
)
PREDICTION_KEYS = (
    ("arrows", "another image (PgUp, PgDn, Home, End)"),
    ("s", "sort: least certain first, most certain first, name, class"),
    ("/", "filter: words, class:cat, p<60; Enter to the table, esc no filter"),
    ("x", "predict: which weights and runs, which folder, probabilities"),
    ("c", "cancel a prediction that is under way"),
    ("esc", "back; a prediction that is under way goes on"),
)
PREDICTION_NOTE = (
    "prediction.csv holds names and labels. How sure the model was is in prediction_probabilities.csv beside it, "
    "which x writes when probabilities are on."
)


class KeyHelp(Box[None]):
    title_text = "help"
    BINDINGS: ClassVar[list[BindingType]] = [Binding(_CLOSING, "close", show=False)]

    def __init__(self, keys: Sequence[tuple[str, str]], note: str, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._keys = keys
        self._note = note

    def content(self) -> ComposeResult:
        rows = [styled(key.ljust(8), KEY).append(meaning, PLAIN) for key, meaning in self._keys]
        rows += [Text(), *(styled(piece, MUTED) for piece in wrap(self._note, _WIDTH))]
        yield TextBlock([*rows, Text(), styled("esc closes this", MUTED)], id="help")

    def action_close(self) -> None:
        self.dismiss(None)
