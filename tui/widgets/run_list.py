"""The table of runs: a cursor, marks, columns that fit the width, the rest by scrolling."""

from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message

from engine.rundir import RunDir
from tui.run_rows import RunRow
from tui.widgets.lines import Lines
from tui.widgets.look import BEST, KEY, MUTED, STRONG, Glyphs, styled
from tui.widgets.runs_columns import Column, choose_columns, column_at, emphasis, fit_name

_GUTTER = 3


class RunList(Lines, can_focus=True):
    """One run a row, in the order in which it is told them; only the rows on screen are made."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
    ]

    class Moved(Message):
        """The cursor is on another run, or its run has changed, or what is marked."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunList.Moved)

    class Opened(Message):
        def __init__(self, run: RunDir) -> None:
            super().__init__()
            self.run = run

    class Sorted(Message):
        """A column's head was clicked."""

        def __init__(self, field: str) -> None:
            super().__init__()
            self.field = field

    def __init__(self, at: RunDir | None, glyphs: Glyphs) -> None:
        super().__init__(id="run-list", classes="panel")
        self._glyphs = glyphs
        self._rows: list[RunRow] = []
        self._all = 0
        self._sort = ("started", True)
        self._at = at
        """The run under the cursor: it stays there while others come above it."""
        self._number = 0
        self._marked: set[RunDir] = set()
        self._top = 0
        self._columns: list[Column] = []
        self._longest = 0
        """Cells of the longest name of all runs, shown or not: the columns stay while a filter is typed."""
        self._tagged = False

    @property
    def columns(self) -> list[Column]:
        """The columns that are shown."""
        return self._columns

    @property
    def current(self) -> RunRow | None:
        """The run under the cursor."""
        return self._rows[self._number] if self._rows else None

    @property
    def marked(self) -> list[RunRow]:
        """The marked runs that are shown, top down."""
        return [row for row in self._rows if row.run in self._marked]

    @property
    def chosen(self) -> list[RunRow]:
        """The marked runs, or the one under the cursor."""
        return self.marked or ([self.current] if self.current is not None else [])

    def tell(self, rows: list[RunRow], every: list[RunRow], sort: tuple[str, bool]) -> None:
        """Show ``rows`` of ``every`` run; ``sort``: the field that they are ordered by, and whether it descends."""
        self._rows, self._all, self._sort = rows, len(every), sort
        self._marked &= {row.run for row in every}
        self._longest = max((cell_len(self._glyphs.clean(row.name)) for row in every), default=0)
        self._tagged = any(row.labels.tags for row in every)
        place = next((number for number, row in enumerate(rows) if row.run == self._at), None)
        # Where its run is gone the cursor is on the one that took its place.
        self._number = place if place is not None else min(self._number, max(0, len(rows) - 1))
        if rows:
            self._at = rows[self._number].run
        self._draw()

    def put_cursor(self, run: RunDir) -> None:
        """Have the cursor on ``run`` as soon as it is among the rows."""
        self._at = run

    def mark(self) -> None:
        """Mark the run under the cursor, or take its mark away, and go on to the next."""
        if self.current is not None:
            self._marked ^= {self.current.run}
            self.action_move(1)

    def mark_all(self) -> None:
        """Mark all that are shown, or none where they all are."""
        shown = {row.run for row in self._rows}
        self._marked = self._marked - shown if shown <= self._marked else self._marked | shown
        self._draw()

    def unmark(self) -> None:
        self._marked.clear()
        self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        self.action_move(-3)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        self.action_move(3)

    def on_click(self, event: Click) -> None:
        content = event.get_content_offset(self)
        if content is None:
            return
        if content.y == 0:
            if (column := column_at(self._columns, content.x - _GUTTER)) is not None:
                self.post_message(self.Sorted(column.field))
        elif content.y <= len(self._rows) - self._top:
            before, self._number = self._number, self._top + content.y - 1
            self._at = self._rows[self._number].run
            if content.x < _GUTTER - 1 or event.ctrl:
                self._marked ^= {self._at}
            elif before == self._number:
                self.post_message(self.Opened(self._at))
            self._draw()

    def action_move(self, rows: int) -> None:
        if self._rows:
            self._number = min(len(self._rows) - 1, max(0, self._number + rows))
            self._at = self._rows[self._number].run
            self._draw()

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 2))

    def _draw(self) -> None:
        width, height = self.size
        if not width or height < 2:
            return
        at, seen = self._number, height - 1
        self._top = max(min(self._top, at, len(self._rows) - seen), at - seen + 1, 0)
        self._columns = choose_columns(width - _GUTTER, self._longest, tagged=self._tagged)
        shown = self._rows[self._top : self._top + seen]
        rows = [self._row(row, number == at) for number, row in enumerate(shown, self._top)]
        self.show([self._head(), *rows])
        self._say_where()
        self.post_message(self.Moved())

    def _say_where(self) -> None:
        here = f"{self._number + 1:,} of {len(self._rows):,}" if self._rows else f"0 of {self._all:,}"
        if self._rows and len(self._rows) < self._all:
            here += f" found in {self._all:,}"
        marked = len(self.marked)
        subtitle = f"{marked:,} marked {self._glyphs.dot} {here}" if marked else here
        if subtitle != self.border_subtitle:
            self.border_subtitle = subtitle

    def _head(self) -> Text:
        head = Text(" " * _GUTTER)
        field, descending = self._sort
        for column in self._columns:
            sorts = column.field == field
            arrow = ((" v", " ^") if self._glyphs.ascii else ("▼", "▲"))[not descending] if sorts else ""
            word = column.head + arrow
            word = word.rjust(column.width) if column.right else word.ljust(column.width)
            head.append(f"{word}  ", STRONG if sorts else MUTED)
        return head

    def _row(self, row: RunRow, here: bool) -> Text:
        glyphs = self._glyphs
        text = styled(glyphs.cursor if here else " ", KEY)
        text.append("* " if row.run in self._marked else "  ", BEST)
        for column in self._columns:
            cell = column.cell(row, glyphs)
            if column.field == "name":
                text.append(fit_name(cell, column.width, glyphs), emphasis(row, here=here))
            else:
                fitted = cell.rjust(column.width) if column.right else cell
                text.append(glyphs.fit(fitted, column.width), column.style(row))
            text.append("  ")
        return text
