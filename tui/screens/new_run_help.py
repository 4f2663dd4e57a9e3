"""Every key of a screen that isn't about one run: the models, the new run, its data folder, its preview."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.box import Box, TextBlock
from tui.widgets.look import KEY, MUTED, PLAIN, Glyphs, styled

MODELS = [
    ("type", "words of the name, and conditions, all of which must hold:"),
    ("", "params<30 (millions), top1>85, top5>97, size<=256, classes>1000,"),
    ("", "licence:mit, here (weights on this machine), candidate"),
    ("arrows", "move through the models (PgUp, PgDn, Home, End in the list)"),
    ("Enter", "take the model"),
    ("esc", "from the line to the list; from the list back"),
    ("/", "back to the line"),
    ("s", "sort: candidates first, name, parameters, top-1"),
    ("", ""),
    ("?", "unknown: not counted yet, or in no table of this program"),
    ("hub", "published, to be downloaded when the run starts; none: unpublished"),
]
NEW_RUN = [
    ("Enter", "change what is under the cursor; an on-off key turns over"),
    ("left", "the choice before; right: the next one"),
    ("[ ]", "the section before, the next section"),
    ("u", "undo: the preset's own value again"),
    ("f", "only what differs from the preset, or everything"),
    ("M", "models: choose among timm's"),
    ("v", "view a batch as the model would see it in training"),
    ("e", "estimate memory and time from a few real steps; again: cancel"),
    ("y", "copy the command line that starts the same run"),
    ("r", "start the run and watch it"),
    ("X", "ablate: outlier exclusion, augmentation, mixup, each on and off;"),
    ("", "there too: how it stands, stop it, go on with it"),
    ("esc", "back; what was entered is gone"),
]
DATA = [
    ("arrows", "up and down: move; right: open the folder; left: close it, or its parent"),
    ("Enter", "take the folder"),
    ("b", "the folder above becomes the top of the tree"),
    ("/", "type a path"),
    ("esc", "back"),
]
PREVIEW = [("n, p", "the next epoch, the one before: other draws"), ("esc", "back")]
TABLES = {"models": MODELS, "new run": NEW_RUN, "data folder": DATA}


class KeysHelpScreen(Box[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter,space,b,ctrl+c,ctrl+q", "close", show=False)
    ]

    def __init__(self, title: str, keys: Sequence[tuple[str, str]], glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self.title_text = title
        self._keys = keys

    def content(self) -> ComposeResult:
        rows = [styled(key.ljust(8), KEY).append(meaning, PLAIN) for key, meaning in self._keys]
        yield TextBlock([*rows, Text(), styled("esc closes this", MUTED)], id="help")

    def action_close(self) -> None:
        self.dismiss(None)
