"""The table of runs: a cursor, columns that fit the width, the rest by scrolling."""

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message

from engine.rundir import RunDir
from tui.listing import RunRow
from tui.widgets.lines import Lines
from tui.widgets.look import (
    BAD,
    BEST,
    FAINT,
    GOOD,
    KEY,
    MUTED,
    PLAIN,
    RATE,
    STRONG,
    TRAIN,
    WARN,
    Glyphs,
    styled,
)
from tui.widgets.wording import moment, percent

_STATUS: dict[str, Style] = {
    "starting": TRAIN, "running": GOOD, "paused": WARN, "finished": PLAIN, "stopped": RATE,
    "interrupted": WARN, "failed": BAD,
}  # fmt: skip
_LIVE = ("starting", "running", "paused")


class RunList(Lines, can_focus=True):
    """One run a row, newest first: state, epoch, best, started, name, model."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
        Binding("enter", "open", show=False),
    ]

    class Moved(Message):
        """The cursor is on another run, or its run has changed."""

        def __init__(self, row: RunRow) -> None:
            super().__init__()
            self.row = row

    class Opened(Message):
        def __init__(self, run: RunDir) -> None:
            super().__init__()
            self.run = run

    def __init__(self, at: RunDir | None, glyphs: Glyphs) -> None:
        super().__init__(id="run-list", classes="panel")
        self._glyphs = glyphs
        self._rows: list[RunRow] = []
        self._at = at
        """The run under the cursor: it stays there while others come above it."""
        self._top = 0

    def tell(self, rows: list[RunRow]) -> None:
        self._rows = rows
        if rows and self._at not in [row.run for row in rows]:
            self._at = rows[0].run
        self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        self.action_move(-3)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        self.action_move(3)

    def on_click(self, event: Click) -> None:
        content = event.get_content_offset(self)
        if content is None or not 0 < content.y <= len(self._rows) - self._top:
            return
        clicked = self._rows[self._top + content.y - 1].run
        if clicked == self._at:
            self.action_open()
        self._at = clicked
        self._draw()

    def action_move(self, rows: int) -> None:
        if self._rows:
            self._at = self._rows[min(len(self._rows) - 1, max(0, self._cursor() + rows))].run
            self._draw()

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 2))

    def action_open(self) -> None:
        if self._rows:
            self.post_message(self.Opened(self._rows[self._cursor()].run))

    def _cursor(self) -> int:
        return next((number for number, row in enumerate(self._rows) if row.run == self._at), 0)

    def _draw(self) -> None:
        width, height = self.size
        if not self._rows or not width or height < 2:
            return
        cursor, seen = self._cursor(), height - 1
        self._top = max(min(self._top, cursor, len(self._rows) - seen), cursor - seen + 1, 0)
        wide = width >= 100
        name = max(len("name"), *(len(row.run.name) for row in self._rows))
        name_width, model_width = _divide(width - (53 if wide else 48), name)
        head = f"  {'state':<12}{'epoch':>8}{'best':>10}  {'started':<{16 if wide else 11}}   "
        head += f"{'name':<{name_width}}{'  model' if model_width else ''}"
        rows = [styled(self._glyphs.cut(head, width), MUTED)]
        shown = self._rows[self._top : self._top + seen]
        for number, row in enumerate(shown, self._top):
            rows.append(self._row(row, number == cursor, name_width, model_width))
        self.show(rows)
        self.border_subtitle = f"{cursor + 1} of {len(self._rows)}"
        self.post_message(self.Moved(self._rows[cursor]))

    def _row(self, row: RunRow, here: bool, name_width: int, model_width: int) -> Text:
        glyphs = self._glyphs
        # Where there is little room, the year goes first.
        started = f"{moment(row.started) if row.started else '':<16}"[0 if self.size.width >= 100 else 5 :]
        text = styled(f"{glyphs.cursor} " if here else "  ", KEY)
        if not row.read:
            text.append(f"{'reading':<12}{'':>8}{'':>10}  {'':<{len(started)}}   ", FAINT)
        else:
            text.append(f"{row.status:<12}", _STATUS[row.status])
            text.append(f"{f'{row.epoch}/{row.epochs}' if row.epochs else '':>8}", PLAIN)
            text.append(f"{best(row):>10}  ", BEST)
            text.append(f"{started}   ", MUTED)
        live = row.status in _LIVE
        text.append(glyphs.fit(glyphs.clean(row.run.name), name_width), STRONG if here or live else PLAIN)
        return (
            text.append("  " + glyphs.cut(glyphs.clean(row.model), model_width), MUTED)
            if model_width
            else text
        )


def _divide(room: int, name: int) -> tuple[int, int]:
    """Divide the cells that are left between name and model; too few are the name's alone."""
    if room < 34:
        return max(8, room), 0
    taken = min(name, max(20, room * 3 // 5))
    return taken, room - taken - 2


def best(row: RunRow) -> str:
    if row.best is None:
        return ""
    return percent(row.best) if row.monitor == "val_acc" else f"{row.best:.5f}"
