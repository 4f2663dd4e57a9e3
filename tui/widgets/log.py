"""The log pane: what happened to the run, with times; the end of engine.log when it failed."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import MouseScrollDown, MouseScrollUp, Resize

from tui.widgets.happenings import Happening
from tui.widgets.lines import Lines
from tui.widgets.look import BAD, FAINT, GOOD, KEY, MUTED, PLAIN, WARN, Glyphs, styled
from tui.widgets.wording import clock
from tui.widgets.wrapping import wrap

_STYLES: dict[str, Style] = {
    "train": PLAIN,
    "run": MUTED,
    "command": KEY,
    "good": GOOD,
    "warn": WARN,
    "bad": BAD,
}
_TIME = 10


class Log(Lines, can_focus=True):
    """Wrapped lines, newest last; follows the end until it is scrolled back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_by(-1)", show=False),
        Binding("down,j", "scroll_by(1)", show=False),
        Binding("pageup", "scroll_page(-1)", show=False),
        Binding("pagedown,space", "scroll_page(1)", show=False),
        Binding("home,g", "scroll_by(-1000000)", show=False),
        Binding("end,G", "scroll_by(1000000)", show=False),
    ]

    def __init__(self, glyphs: Glyphs, *, id: str) -> None:
        super().__init__(id=id, classes="panel")
        self.border_title = "log"
        self._glyphs = glyphs
        self._happenings: list[Happening] = []
        self._engine_log: list[str] = []
        self._wrapped: list[Text] = []
        self._from_end = 0

    def tell(self, happenings: Iterable[Happening], engine_log: Sequence[str]) -> None:
        """Show these happenings, and the last lines of engine.log below them (none: the run didn't fail)."""
        self._happenings = list(happenings)
        self._engine_log = list(engine_log)
        self._wrap()

    def add(self, happening: Happening) -> None:
        self._happenings.append(happening)

    def redraw(self) -> None:
        """Show what was added."""
        self._wrap()

    def on_resize(self, _event: Resize) -> None:
        self._wrap()

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        self.action_scroll_by(-3)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        self.action_scroll_by(3)

    def action_scroll_by(self, rows: int) -> None:
        self._from_end = min(self._most(), max(0, self._from_end - rows))
        self._draw()

    def action_scroll_page(self, pages: int) -> None:
        self.action_scroll_by(pages * max(1, self.size.height - 1))

    def _most(self) -> int:
        return max(0, len(self._wrapped) - self.size.height)

    def _wrap(self) -> None:
        width = self.size.width
        if not width:
            return
        before = len(self._wrapped)
        rows: list[Text] = []
        for happening in self._happenings:
            pieces = wrap(self._glyphs.clean(happening.text), width - _TIME)
            for number, piece in enumerate(pieces):
                row = styled(f"{clock(happening.t)}  " if number == 0 else " " * _TIME, FAINT)
                rows.append(row.append(piece, _STYLES[happening.kind]))
        if self._engine_log:
            rows.append(styled("the end of engine.log:", MUTED))
            for line in self._engine_log:
                rows.extend(styled(piece, BAD) for piece in wrap(self._glyphs.clean(line), width))
        self._wrapped = rows
        if self._from_end:  # scrolled back: stay where the reader is
            self._from_end += max(0, len(rows) - before)
        self._draw()

    def _draw(self) -> None:
        height = self.size.height
        self._from_end = min(self._from_end, self._most())
        end = len(self._wrapped) - self._from_end
        start = max(0, end - height)
        self.show(self._wrapped[start:end] or [styled("nothing has happened yet", MUTED)])
        below = f", {self._from_end} below" if self._from_end else ""
        subtitle = f"{start + 1}-{end} of {len(self._wrapped)}{below}" if self._most() else ""
        if subtitle != self.border_subtitle:
            self.border_subtitle = subtitle
