"""The runs below a folder: found, filtered, sorted, and what can be done with them."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message

from engine.core.errors import UserError
from engine.core.text import count
from engine.run.directory import RunDir
from tui.listing import Listing
from tui.run_fields import FIELDS, sort_rows
from tui.run_filter import parse_filter
from tui.run_preview import Preview, Previewer
from tui.run_rows import RunRow
from tui.screens.box import TextBlock
from tui.screens.choosing import Choosing
from tui.screens.runs_acts import RunsActs
from tui.screens.whole import Whole
from tui.settings import Memory, RunOrder
from tui.widgets.keys import Key, Keys
from tui.widgets.look import BAD, FAINT, GOOD, KEY, MUTED, STRONG, Glyphs, styled
from tui.widgets.notice import Notice
from tui.widgets.run_list import RunList
from tui.widgets.runs_filter import RunsFilter
from tui.widgets.runs_keys import RUNS_BINDINGS, all_keys, can_compare, footer
from tui.widgets.runs_overview import RunsOverview

_SHOWN = 10.0
_DESCENDING = ("started", "best", "epoch", "duration", "lr")


class RunsScreen(Choosing, RunsActs, Whole[None]):
    """The table, the run under the cursor beside or below it, or what to type when there is none."""

    CSS_PATH = "../styles/runs.tcss"
    AUTO_FOCUS = "RunList"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide"), (160, "-broad")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = RUNS_BINDINGS

    class Rows(Message):
        def __init__(self, rows: list[RunRow]) -> None:
            super().__init__()
            self.rows = rows

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunsScreen.Rows)

    class Previewed(Message):
        def __init__(self, preview: Preview) -> None:
            super().__init__()
            self.preview = preview

    class Compare(Message):
        """The person wants to see these runs over each other."""

        def __init__(self, runs: list[RunDir]) -> None:
            super().__init__()
            self.runs = runs

    def __init__(
        self,
        runs: Path,
        at: RunDir | None,
        glyphs: Glyphs,
        clock: Callable[[], float],
        memory: Memory | None = None,
    ) -> None:
        super().__init__()
        self._memory = memory or Memory()
        self._runs = runs
        self._at = at
        self._glyphs = glyphs
        self._clock = clock
        self._every: list[RunRow] | None = None
        """None until the folder has been looked at."""
        last = self._memory.layout.runs
        self._sort = (last.field, last.descending) if last.field in FIELDS else ("started", True)
        self._filter = parse_filter("")
        self._trashed = []
        self._said_until = 0.0
        self._listing = Listing(runs, lambda rows: self.post_message(self.Rows(rows)))
        self._previewer = Previewer(lambda preview: self.post_message(self.Previewed(preview)))
        self.set_class(glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        yield TextBlock([self._title()], id="title")
        with Container(id="body"):
            yield RunList(self._at, self._glyphs)
            yield RunsOverview(self._glyphs)
        yield TextBlock([styled("looking for runs" + self._glyphs.ellipsis, MUTED)], id="empty")
        yield RunsFilter(self._glyphs)
        yield Notice()
        yield Keys()

    def on_mount(self) -> None:
        self.query_one(RunList).border_title = "runs"
        self.query_one(RunsOverview).border_title = "overview"
        self._show_table(False)
        self._listing.start()
        self._previewer.start()
        self.set_interval(1.0, self._forget_notice)

    def on_unmount(self) -> None:
        self._listing.stop()
        self._previewer.stop()

    def on_resize(self) -> None:
        self._say_title()
        self._offer()

    # what is shown

    def _title(self) -> Text:
        every = self._every or []
        living = sum(row.alive for row in every)
        words = [f"{living:,} live"] if living else []
        words += [count(len(every), "run")] if every else []
        said = f" {self._glyphs.dot} ".join(words)
        width = max(10, self.app.size.width - 24 - len(said))
        where = self._glyphs.cut_start(self._glyphs.clean(str(self._runs)), width)
        title = styled("vrdl-tui ", KEY).append(f"runs in {where}", MUTED)
        return title.append(f"   {said}", FAINT) if said else title

    def _say_title(self) -> None:
        self.query_one("#title", TextBlock).say([self._title()])

    def on_runs_screen_rows(self, message: Rows) -> None:
        self._every = message.rows
        if not message.rows:
            self.query_one("#empty", TextBlock).say(_nothing(self._glyphs.clean(str(self._runs))))
        self._show_table(bool(message.rows))
        self._say_title()
        self._show()

    def on_runs_screen_previewed(self, message: Previewed) -> None:
        self.query_one(RunsOverview).show_preview(message.preview)

    def _show_table(self, there: bool) -> None:
        self.query_one("#body").display = there
        self.query_one("#empty").display = not there
        if there and self.focused is None:
            self.query_one(RunList).focus()
        self._offer()

    def _show(self) -> None:
        every = self._every or []
        field, descending = self._sort
        rows = sort_rows([row for row in every if self._filter(row)], field, descending=descending)
        self.query_one(RunList).tell(rows, every, self._sort)

    def on_run_list_moved(self) -> None:
        row = self.query_one(RunList).current
        self.query_one(RunsOverview).show_row(row)
        if row is not None:
            self._previewer.want(row)
        self._offer()

    def _keys(self) -> list[Key]:
        table = self.query_one(RunList)
        return all_keys(table.chosen, len(table.marked))

    def _offer(self) -> None:
        self.query_one(Keys).offer(footer(self._keys(), self.app.size.width))

    def _say(self, text: str, style: Style) -> None:
        self._said_until = self._clock() + _SHOWN
        notice = self.query_one(Notice)
        notice.display = True
        notice.say(self._glyphs.clean(text), style)

    def _said(self, text: str, problem: str) -> None:
        """Say what was done, and with which run it was not."""
        if text:
            self._say(f"{text}; {problem}" if problem else text, BAD if problem else GOOD)
        else:
            self._say(problem, BAD)

    def _forget_notice(self) -> None:
        if self._clock() > self._said_until:
            self.query_one(Notice).display = False

    # filter and order

    def action_filter(self) -> None:
        self.query_one(RunsFilter).open()

    def on_runs_filter_typed(self, message: RunsFilter.Typed) -> None:
        tests, problem = [], ""
        for word in message.text.split():
            try:
                tests.append(parse_filter(word))
            except UserError as error:
                problem = str(error)
        # A word that can't be right (yet) finds neither everything nor nothing: the others do.
        self._filter = lambda row: all(test(row) for test in tests)
        self._show()
        bar = self.query_one(RunsFilter)
        if problem:
            bar.say(self._glyphs.clean(problem), BAD)
        else:
            nothing = self.query_one(RunList).current is None
            bar.say("no run is like that; esc shows them all" if nothing else "", MUTED)

    def on_runs_filter_left(self) -> None:
        self.query_one(RunList).focus()

    def action_sort(self) -> None:
        fields = [column.field for column in self.query_one(RunList).columns]
        at = fields.index(self._sort[0]) if self._sort[0] in fields else -1
        self._sort_by(fields[(at + 1) % len(fields)])

    def action_reverse(self) -> None:
        self._order(self._sort[0], not self._sort[1])

    def on_run_list_sorted(self, message: RunList.Sorted) -> None:
        if message.field == self._sort[0]:
            self.action_reverse()
        else:
            self._sort_by(message.field)

    def _sort_by(self, field: str) -> None:
        self._order(field, field in _DESCENDING)

    def _order(self, field: str, descending: bool) -> None:
        assert field in FIELDS
        self._sort = (field, descending)
        self._memory.keep(runs=RunOrder(field, descending))
        self._show()

    # what the other keys do

    def action_open(self) -> None:
        table = self.query_one(RunList)
        if len(table.marked) > 1 and can_compare():
            self.action_compare()
        elif table.current is not None:
            table.post_message(RunList.Opened(table.current.run))

    def action_compare(self) -> None:
        marked = [row.run for row in self.query_one(RunList).marked]
        if len(marked) > 1 and can_compare():
            self.post_message(self.Compare(marked))
        elif can_compare():
            self._say("mark two or more runs with space; then m compares them", MUTED)

    def action_mark(self) -> None:
        self.query_one(RunList).mark()

    def action_mark_all(self) -> None:
        self.query_one(RunList).mark_all()

    def action_escape(self) -> None:
        table, bar = self.query_one(RunList), self.query_one(RunsFilter)
        if bar.display:
            bar.close()
        elif table.marked:
            table.unmark()
        else:  # who goes back once too often doesn't mean to leave
            self._say("this is the first screen; q leaves", MUTED)

    def action_leave(self) -> None:
        self.app.exit(0)

    def action_help(self) -> None:
        from tui.screens.runs_help import RunsHelpScreen

        self.app.push_screen(RunsHelpScreen(self._glyphs))

    def action_commands(self) -> None:
        from tui.screens.commands import CommandsScreen

        self.app.push_screen(CommandsScreen(self._keys(), False, self._glyphs), self._command_chosen)


def _nothing(runs: str) -> list[Text]:
    return [
        styled(f"no runs in {runs} yet", STRONG),
        Text(),
        styled("a sets up a new run here; or leave with q, and type:", MUTED),
        styled("  vrdl-tui train DATA", KEY).append("   DATA: a folder with train/CLASS/*.jpg", MUTED),
        styled("  vrdl-tui demo", KEY).append("         a minute's run on data that comes along", MUTED),
    ]
