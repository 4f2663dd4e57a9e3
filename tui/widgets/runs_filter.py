"""The row into which a filter is typed, and the row that says what is wrong with it."""

from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from tui.widgets.entry import Entry
from tui.widgets.lines import Lines
from tui.widgets.look import KEY, MUTED, Glyphs, styled


class RunsFilter(Vertical):
    """Hidden until it is opened; the filter stands, and is seen, for as long as it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,tab", "leave", show=False),
        Binding("ctrl+c,ctrl+q", "screen.leave", show=False, priority=True),
    ]

    class Typed(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The keys are the table's again."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="filter")
        self._glyphs = glyphs
        self.display = False

    def compose(self) -> ComposeResult:
        yield Entry(compact=True, select_on_focus=False, placeholder="resnet best>90 tag:final", id="typed")
        yield Lines(id="word")

    def open(self) -> None:
        self.display = True
        self.query_one(Input).focus()
        self.say("", MUTED)

    def close(self) -> None:
        """Take the filter away."""
        self.query_one(Input).value = ""
        self.display = False
        self.post_message(self.Left())

    def say(self, text: str, style: Style) -> None:
        """Say what is the matter; without text, how it goes on."""
        if not text:
            keys = styled("Enter", KEY).append(" to the table   ", MUTED).append("esc", KEY)
            self.query_one("#word", Lines).show([keys.append(" no filter   words, best>90, model:a*", MUTED)])
        else:
            self.query_one("#word", Lines).show([styled(self._glyphs.cut(text, self.size.width), style)])

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_leave()

    def action_leave(self) -> None:
        # A row that filters nothing is in the way.
        if self.query_one(Input).value.strip():
            self.post_message(self.Left())
        else:
            self.close()
