"""Every key of a replay."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.box import Box, TextBlock
from tui.widgets.look import KEY, MUTED, PLAIN, styled

_KEYS = [
    ("space, p", "play or pause; at the end, begin again"),
    ("arrows", "left and right: back and on by 5 % of the run"),
    ("home, end", "to its start and its end"),
    (":", "go to a percentage of it; or click in the bar above"),
    ("+ -, > <", "faster, slower: 1 to 1000 times the run's own speed"),
    ("1 to 6, z", "a panel over the whole screen; its own keys then come first"),
    ("l", "log: what had happened by then"),
    ("T", "the next theme: dark, light, high contrast, colour-blind"),
    ("b, esc", "back to where the replay was opened"),
    ("ctrl+p", "commands, found by typing a part of their name"),
    ("q", "leave vrdl-tui"),
]


class ReplayHelpScreen(Box[None]):
    title_text = "help: replay"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter,space,b,ctrl+c,ctrl+q", "close", show=False)
    ]

    def content(self) -> ComposeResult:
        rows = [styled(key.ljust(10), KEY).append(meaning, PLAIN) for key, meaning in _KEYS]
        rows += [Text(), styled("The run's journal is read, and nothing of the run is changed.", MUTED)]
        yield TextBlock([*rows, Text(), styled("esc closes this", MUTED)], id="help")

    def action_close(self) -> None:
        self.dismiss(None)
