"""Every key, and what the marks of the plot mean."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.box import Box, TextBlock
from tui.widgets.look import BEST, KEY, MUTED, PLAIN, TRAIN, VAL, Glyphs, styled

_KEYS = [
    ("p, c", "pause between two steps, or go on; save a checkpoint now"),
    ("x", "predict the test images: Enter at once for prediction.csv"),
    ("v", "predictions: the test images, and how sure"),
    ("r", "resume a stopped, interrupted or failed run"),
    ("o", "outliers: the images left out, their pictures, and the way back in"),
    ("m", "matrix: which classes are taken for which, and those images"),
    ("=", "steer: change settings, go on from the best weights, end the epoch"),
    ("1-6, z", "a panel over the whole screen (or tab and Enter); z: the system"),
    ("l", "log: arrows scroll, / searches, n N next, w kind, E engine.log"),
    ("R", "replay: a run that is over, 1 to 1000 times as fast"),
    ("T", "the next theme: dark, light, high contrast, colour-blind"),
    ("b, esc", "back to the list of runs"),
    ("ctrl+p", "commands, found by typing a part of their name"),
    ("q", "quit: detach, stop now, stop after this epoch, stay"),
]


_CLOSING = "escape,q,question_mark,f1,enter,space,b,ctrl+c,ctrl+q"


class HelpScreen(Box[None]):
    title_text = "help"
    BINDINGS: ClassVar[list[BindingType]] = [Binding(_CLOSING, "close", show=False)]

    def content(self) -> ComposeResult:
        yield TextBlock(_rows(self.glyphs), id="help")

    def action_close(self) -> None:
        self.dismiss(None)


def _rows(glyphs: Glyphs) -> list[Text]:
    rows = [styled(key.ljust(8), KEY).append(meaning, PLAIN) for key, meaning in _KEYS]
    rows.append(Text())
    legend = styled(f"{glyphs.val}{glyphs.val} ", VAL).append("validation accuracy   ", PLAIN)
    legend.append(f"{glyphs.train} ", TRAIN).append("training accuracy   ", PLAIN)
    rows.append(legend.append(f"{glyphs.best} ", BEST).append("best epoch", PLAIN))
    rows.append(styled("With mixup, training accuracy counts the first label only: it stays low.", MUTED))
    rows.append(Text())
    rows.append(styled("The engine is a process of its own: closing this console, or losing", MUTED))
    rows.append(styled("the connection, does not stop the run. vrdl-tui attach opens it again.", MUTED))
    return [*rows, styled("esc closes this", MUTED)]
