"""A box with one line to type into: a run's new name, its tags, its note."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from engine.core.errors import UserError
from tui.screens.box import Box, TextBlock
from tui.widgets.entry import Entry
from tui.widgets.look import BAD, KEY, MUTED, Glyphs, styled
from tui.widgets.wrapping import wrap

_WIDTH = 66


class EntryScreen(Box[str | None]):
    """Gives back what was typed once ``check`` raises no UserError for it, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("ctrl+c,ctrl+q", "close", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        what: Sequence[str],
        typed: str,
        check: Callable[[str], object],
        glyphs: Glyphs,
    ) -> None:
        super().__init__(glyphs)
        self.title_text = title
        self._what = what
        self._typed = typed
        self._check = check

    def content(self) -> ComposeResult:
        rows = [piece for line in self._what for piece in wrap(line, _WIDTH)]
        yield TextBlock([*(styled(row, MUTED) for row in rows), Text()], id="above")
        yield Entry(self._typed, compact=True, select_on_focus=False, id="entry")
        yield TextBlock(self._below(""), id="below")

    def _below(self, problem: str) -> list[Text]:
        rows = [styled(row, BAD) for row in wrap(self.glyphs.clean(problem), _WIDTH)] if problem else []
        keys = styled("Enter", KEY).append(" keeps it, ", MUTED).append("esc", KEY)
        return [Text(), *rows, keys.append(" leaves all as it is", MUTED)]

    def _problem(self, typed: str) -> str:
        try:
            self._check(typed)
        except UserError as error:
            return str(error)
        return ""

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#below", TextBlock).say(self._below(self._problem(event.value)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not self._problem(event.value):
            self.dismiss(event.value)

    def action_close(self) -> None:
        self.dismiss(None)
