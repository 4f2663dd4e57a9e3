"""The table of runs: a cursor, marks, columns that fit the width, the rest by scrolling."""

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import BindingType
from textual.events import Click
from textual.message import Message
from textual.notifications import SeverityLevel

from engine.run.directory import RunDir
from tui.ablation_watch import AblationWatch
from tui.run_rows import RunRow
from tui.widgets.ablation_words import standing_words, under_way
from tui.widgets.edge import edge_says
from tui.widgets.form_cursor import MOVES, CursorList
from tui.widgets.look import BEST, KEY, MUTED, STRONG, Glyphs, styled
from tui.widgets.runs_columns import Column, choose_columns, column_at, emphasis, fit_name

if TYPE_CHECKING:
    from tui.ablations import Standing

_GUTTER = 3


class RunList(CursorList, can_focus=True, inherit_bindings=False):
    """One run a row, in the order in which it is told them; below them the ablation that is under way."""

    BINDINGS: ClassVar[list[BindingType]] = MOVES

    class Moved(CursorList.Moved):
        """The cursor is on another run, or its run has changed, or what is marked."""

    class Ablations(Message):
        def __init__(self, standings: "list[Standing]") -> None:
            super().__init__()
            self.standings = standings

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
        super().__init__(glyphs, id="run-list")
        self._rows: list[RunRow] = []
        self._all = 0
        self._sort = ("started", True)
        self._at = at
        """The run under the cursor: it stays there while others come above it."""
        self._marked: set[RunDir] = set()
        self._columns: list[Column] = []
        self._longest = 0
        """Cells of the longest name of all runs, shown or not: the columns stay while a filter is typed."""
        self._tagged = False
        self._ablations: list[Standing] = []
        self._watch = AblationWatch(lambda standings: self.post_message(self.Ablations(standings)))

    def on_mount(self) -> None:
        self._watch.start()

    def on_unmount(self) -> None:
        self._watch.stop()

    @property
    def count(self) -> int:
        return len(self._rows)

    @property
    def columns(self) -> list[Column]:
        """The columns that are shown."""
        return self._columns

    @property
    def current(self) -> RunRow | None:
        """The run under the cursor."""
        return self._rows[self.at] if self._rows else None

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
        self._longest = max((cell_len(self.glyphs.clean(row.name)) for row in every), default=0)
        self._tagged = any(row.labels.tags for row in every)
        place = next((number for number, row in enumerate(rows) if row.run == self._at), None)
        # Where its run is gone the cursor is on the one that took its place.
        self.at = place if place is not None else min(self.at, max(0, len(rows) - 1))
        if rows:
            self._at = rows[self.at].run
        self._watch.want(frozenset(row.run.path.parent for row in every))
        self.redraw()

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
        self.redraw()

    def unmark(self) -> None:
        self._marked.clear()
        self.redraw()

    def on_click(self, event: Click) -> None:
        content = event.get_content_offset(self)
        if content is None:
            return
        if content.y == 0:
            if (column := column_at(self._columns, content.x - _GUTTER)) is not None:
                self.post_message(self.Sorted(column.field))
        elif content.y <= len(self._rows) - self._top:
            before, self.at = self.at, self._top + content.y - 1
            self._at = self._rows[self.at].run
            if content.x < _GUTTER - 1 or event.ctrl:
                self._marked ^= {self._at}
            elif before == self.at:
                self.post_message(self.Opened(self._at))
            self.redraw()

    def go_to(self, number: int) -> None:
        super().go_to(number)
        if self._rows:
            self._at = self._rows[self.at].run

    def redraw(self) -> None:
        if self.size.width:
            width = self.size.width - _GUTTER
            self._columns = choose_columns(width, self._longest, tagged=self._tagged)
            super().redraw()
            self._say_where()

    def on_run_list_ablations(self, message: Ablations) -> None:
        """Show how they stand, and say of each that has just ended how it ended."""
        lived = {one.folder for one in self._ablations if one.alive}
        for one in message.standings:
            if one.folder in lived and not one.alive:
                text, _ = standing_words(one, self.glyphs)
                severity: SeverityLevel = "information" if one.done else "warning"
                self.app.notify(text, severity=severity, timeout=10, markup=False)
        self._ablations = message.standings
        self._say_where()

    def _say_where(self) -> None:
        here = f"{self.at + 1:,} of {len(self._rows):,}" if self._rows else f"0 of {self._all:,}"
        if self._rows and len(self._rows) < self._all:
            here += f" found in {self._all:,}"
        marked = len(self.marked)
        subtitle = f"{marked:,} marked {self.glyphs.dot} {here}" if marked else here
        if words := [under_way(one) for one in self._ablations if one.alive]:
            more = f" and {len(words) - 1:,} more" if words[1:] else ""
            room = self.size.width - len(subtitle) - len(more) - 7
            said = self.glyphs.cut(self.glyphs.clean(words[0]), max(0, room)) + more
            subtitle = f"{said} {self.glyphs.dot} {subtitle}"
        edge_says(self, subtitle=subtitle)

    def head(self, width: int) -> Text:
        head = Text(" " * _GUTTER)
        field, descending = self._sort
        for column in self._columns:
            sorts = column.field == field
            arrow = ((" v", " ^") if self.glyphs.ascii else ("▼", "▲"))[not descending] if sorts else ""
            word = column.head + arrow
            word = word.rjust(column.width) if column.right else word.ljust(column.width)
            head.append(f"{word}  ", STRONG if sorts else MUTED)
        return head

    def draw_row(self, number: int, here: bool, width: int) -> Text:
        row, glyphs = self._rows[number], self.glyphs
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
