"""Every key of the list of runs, and the language of its filter."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.box import Box, TextBlock
from tui.widgets.look import KEY, MUTED, PLAIN, styled

_KEYS = [
    ("Enter", "open the run; of several marked ones, compare them (m too)"),
    ("space", "mark the run, or take its mark away; ctrl+a marks all"),
    ("/", "filter: type words and conditions; esc takes the filter away"),
    ("s, i", "sort by the next column, invert the order; or click a head"),
    ("r, S", "resume; stop"),
    ("a, A, M", "new run; new run like this one; timm's models"),
    ("t, N, n", "tags; note; rename"),
    ("d, u", "move to the trash; bring back what went there last"),
    ("ctrl+p", "commands, found by typing a part of their name"),
    ("q", "leave: runs go on without the console"),
]
_FILTER = [
    ("frog final", "both words, in name, model, data, tags, host or state"),
    ("model:res*", "a column: state, name, model, data, host, tag, note"),
    ("best>90", "a figure: epoch, epochs, best, lr"),
    ("duration<2h", "90s, 15m, 2h, 1d; and started>2026-01-31"),
]


class RunsHelpScreen(Box[None]):
    title_text = "help: runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter,space,b,ctrl+c,ctrl+q", "close", show=False)
    ]

    def content(self) -> ComposeResult:
        rows = [styled(key.ljust(9), KEY).append(meaning, PLAIN) for key, meaning in _KEYS]
        rows += [Text(), styled("A filter's words must all hold:", MUTED)]
        rows += [styled(f"  {example:<14}", KEY).append(meaning, PLAIN) for example, meaning in _FILTER]
        rows.append(Text())
        rows.append(styled("The trash is kept until you type vrdl-tui runs --empty-trash.", MUTED))
        yield TextBlock([*rows, Text(), styled("esc closes this", MUTED)], id="help")

    def action_close(self) -> None:
        self.dismiss(None)
