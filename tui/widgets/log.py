"""The log pane: what happened to the run, or its engine.log; searched, filtered, scrolled."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Key as KeyEvent
from textual.message import Message

from tui.widgets.edge import edge_says
from tui.widgets.happenings import KEPT, Happening
from tui.widgets.keys import Key
from tui.widgets.log_lines import FILTERS, Filter, LogLine, LogLines, of_happening, passes
from tui.widgets.log_search import LogSearch
from tui.widgets.look import KEY, MUTED, STRONG, Glyphs, styled
from tui.widgets.scrolling import Scrolling

LOG_KEYS = (
    Key("/", "search", "focused.search"),
    Key("n", "next", "focused.find(1)"),
    Key("w", "which", "focused.kinds"),
    Key("E", "engine.log", "focused.engine_log"),
)


class Log(Scrolling):
    """Wrapped lines, newest last; follows the end until it is scrolled back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search the log"),
        Binding("n", "find(1)", "Next"),
        Binding("N", "find(-1)", "Previous"),
        Binding("w", "kinds", "Which lines"),
        Binding("E", "engine_log", "engine.log"),
    ]
    follows_end = True

    class EngineLogWanted(Message):
        """engine.log is to be read; ``tell_engine_log`` shows it."""

    def __init__(self, glyphs: Glyphs, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "log"
        self._glyphs = glyphs
        self._happenings: deque[LogLine] = deque(maxlen=KEPT)
        self._tail: list[LogLine] = []
        self._engine_log: list[LogLine] | None = None
        """The lines of engine.log while it is they that are shown."""
        self._filter: Filter = "all"
        self._lines = LogLines()
        self._search = LogSearch()
        self._found_at = -1

    def tell(self, happenings: Iterable[Happening], engine_log: Sequence[str]) -> None:
        """Show these happenings, and the last lines of engine.log below them (none: the run didn't fail)."""
        self._happenings.clear()
        self._happenings.extend(of_happening(one, self._glyphs) for one in happenings)
        head = [LogLine("", "head", "the end of engine.log:")] if engine_log else []
        self._tail = [*head, *(LogLine("", "bad", self._glyphs.clean(line)) for line in engine_log)]
        self._choose()

    def tell_engine_log(self, lines: Sequence[LogLine]) -> None:
        """Show these lines of engine.log instead of what happened."""
        self._engine_log = list(lines)
        self._choose()

    def add(self, happening: Happening) -> None:
        line = of_happening(happening, self._glyphs)
        self._happenings.append(line)
        if self._engine_log is None and not self._tail and passes(line, self._filter):
            self._lines.add(line)
            self._forget()

    def redraw(self) -> None:
        """Show what was added."""
        self._search.look(self._lines.texts())
        self.relay()

    def _forget(self) -> None:
        """Let the oldest lines go, many at a time; what is on screen stays, unless it is among them."""
        more = len(self._lines.lines) - KEPT
        if more > KEPT // 4:
            self._top = max(0, self._top - self._lines.forget(more))
            self._found_at = max(-1, self._found_at - more)

    @property
    def ends_with_engine_log(self) -> bool:
        """Whether the end of engine.log stands below the run's own lines."""
        return bool(self._tail)

    def _choose(self) -> None:
        """Take the lines to show: of engine.log, or those of the kinds wanted."""
        if self._engine_log is not None:
            self._lines.set(self._engine_log)
        else:
            lines = [line for line in self._happenings if passes(line, self._filter)]
            self._lines.set([*lines, *(self._tail if self._filter == "all" else [])])
        what = "engine.log" if self._engine_log is not None else "log"
        kinds = f", {self._filter} only" if self._engine_log is None and self._filter != "all" else ""
        edge_says(self, title=what + kinds)
        self._found_at = -1
        self._at_end = True
        self.redraw()

    # scrolling

    @property
    def seen(self) -> int:
        return max(1, self.size.height - (1 if self._searched else 0))

    @property
    def _searched(self) -> bool:
        return self._search.typing or bool(self._search.word)

    def lay(self, width: int) -> int:
        return self._lines.lay(width)

    def relay(self) -> None:
        """Lay the rows out anew, and draw; what was found before there were any comes on screen."""
        first = not self._count
        super().relay()
        if first and self._found_at >= 0:
            self.show_row(self._lines.row_of(self._found_at))

    def drawn(self, start: int, end: int) -> list[Text]:
        rows = self._lines.draw(start, end)
        for row in rows:
            self._search.highlight(row)
        return self._with_search(rows)

    def nothing(self) -> str:
        if self._engine_log is not None:
            return "engine.log is empty; E goes back to what happened"
        if self._filter != "all" and self._happenings:
            return f"nothing of this kind has happened ({self._filter}); w shows other kinds"
        return "nothing has happened yet"

    def _with_search(self, rows: list[Text]) -> list[Text]:
        if not self._searched:
            return rows
        line = styled("/", KEY).append(self._glyphs.clean(self._search.word), STRONG)
        line.append("_  " if self._search.typing else "  ", MUTED)
        line.append(self._search.place(self._found_at), MUTED)
        hint = "Enter keeps it, esc ends the search" if self._search.typing else "n next, N previous, / anew"
        if line.cell_len + len(hint) + 2 <= self.size.width:
            line.append(f"  {hint}", MUTED)
        return [*rows, *[Text()] * (self.seen - len(rows)), line]

    # what the keys do

    def action_search(self) -> None:
        self._search.typing, self._search.word = True, ""
        self._changed()

    def action_find(self, step: int) -> None:
        """Go to the next line that has the word (1), or the one before (-1)."""
        start = self._found_at
        if start < 0:  # from what is on screen
            start = self._lines.line_at(self._top if step < 0 else self._top - 1)
        found = self._search.next(start, step)
        if found is not None:
            self._found_at = found
            self.show_row(self._lines.row_of(found))
        self.draw()

    def action_kinds(self) -> None:
        self._engine_log = None
        self._filter = FILTERS[(FILTERS.index(self._filter) + 1) % len(FILTERS)]
        self._choose()

    def action_engine_log(self) -> None:
        if self._engine_log is None:
            self.post_message(self.EngineLogWanted())
        else:
            self._engine_log = None
            self._choose()

    def on_key(self, event: KeyEvent) -> None:
        """While a word is typed, keys are its letters; escape ends a search before it does anything else."""
        search = self._search
        if event.key == "escape" and self._searched:
            search.typing, search.word = False, ""
        elif not search.typing:
            return
        elif event.key == "enter":
            search.typing = False
        elif event.key == "backspace":
            search.erase()
        elif event.character is not None and event.is_printable:
            search.type(event.character)
        else:
            return
        event.stop()
        self._changed()

    def _changed(self) -> None:
        """The word is another: go to the newest line that has it."""
        self._search.look(self._lines.texts())
        self._found_at = self._search.lines[-1] if self._search.lines else -1
        if self._found_at >= 0:
            self.show_row(self._lines.row_of(self._found_at))
        self.draw()

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return self._search.typing and character is not None and character.isprintable()
