"""The keys of the comparison, and by what rules it calls a difference more than noise."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.box import Box, TextBlock
from tui.widgets.look import KEY, MUTED, PLAIN, Glyphs, styled
from tui.widgets.wrapping import wrap

_KEYS = [
    ("y, Y", "next or previous curve: accuracies, loss, learning rate"),
    ("arrows", "choose a run: its curve in front, its verdict in full"),
    ("tab", "on a low terminal: the runs, or what their recipes differ in"),
    ("PgUp/Dn", "scroll what the recipes differ in; left and right for more runs"),
    ("e", "export: PNG, CSV, Markdown"),
    ("b, esc", "back"),
    ("ctrl+p", "commands, found by typing a part of their name"),
    ("q", "leave vrdl-tui"),
]
_WIDTH = 72
_CLOSING = "escape,q,question_mark,f1,enter,space,b,ctrl+c,ctrl+q"


class CompareHelp(Box[None]):
    title_text = "help"
    BINDINGS: ClassVar[list[BindingType]] = [Binding(_CLOSING, "close", show=False)]

    def __init__(self, grounds: Sequence[str], glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._grounds = grounds

    def content(self) -> ComposeResult:
        rows = [styled(key.ljust(9), KEY).append(meaning, PLAIN) for key, meaning in _KEYS]
        for said in self._grounds:
            rows += [Text(), *(styled(piece, MUTED) for piece in wrap(said, _WIDTH))]
        yield TextBlock([*rows, Text(), styled("esc closes this", MUTED)], id="help")

    def action_close(self) -> None:
        self.dismiss(None)
