"""The runs below a folder, newest first; Enter opens one."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from engine.rundir import RunDir
from tui.listing import Listing, RunRow
from tui.screens.box import TextBlock
from tui.widgets.keys import Key, Keys
from tui.widgets.look import FAINT, KEY, MUTED, PLAIN, STRONG, Glyphs, styled
from tui.widgets.run_list import RunList, best
from tui.widgets.wrapping import wrap

_DETAIL = 5


class RunsScreen(Screen[None]):
    """The table, the run under the cursor in full below it, or what to type when there is none."""

    CSS_PATH = "../styles/runs.tcss"
    AUTO_FOCUS = "RunList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape,ctrl+c,ctrl+q", "leave", "Leave"),
        Binding("question_mark,f1", "help", "Help"),
        Binding("ctrl+p", "commands", "Commands"),
    ]

    class Rows(Message):
        def __init__(self, rows: list[RunRow]) -> None:
            super().__init__()
            self.rows = rows

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunsScreen.Rows)

    def __init__(self, runs: Path, at: RunDir | None, glyphs: Glyphs, clock: Callable[[], float]) -> None:
        super().__init__()
        self._runs = runs
        self._at = at
        self._glyphs = glyphs
        self._listing = Listing(runs, lambda rows: self.post_message(self.Rows(rows)))
        self.set_class(glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        yield TextBlock([self._title()], id="title")
        yield RunList(self._at, self._glyphs)
        yield TextBlock([styled("looking for runs" + self._glyphs.ellipsis, MUTED)], id="empty")
        yield TextBlock([Text()] * _DETAIL, id="detail")
        yield Keys()

    def _title(self) -> Text:
        where = self._glyphs.cut_start(self._glyphs.clean(str(self._runs)), max(10, self.app.size.width - 22))
        return styled("vrdl-tui ", KEY).append(f"runs in {where}", MUTED)

    def on_resize(self) -> None:
        self.query_one("#title", TextBlock).say([self._title()])

    def on_mount(self) -> None:
        table = self.query_one(RunList)
        table.border_title = "runs"
        self._show_table(False)
        self._listing.start()

    def on_unmount(self) -> None:
        self._listing.stop()

    def _show_table(self, there: bool) -> None:
        self.query_one(RunList).display = there
        self.query_one("#detail").display = there
        self.query_one("#empty").display = not there
        keys = [Key("Enter", "open", "open"), Key("arrows", "choose", "down")] if there else []
        keys += [Key("^p", "commands", "commands"), Key("?", "help", "help"), Key("q", "leave", "leave")]
        self.query_one(Keys).offer(keys)
        if there and self.focused is None:
            self.query_one(RunList).focus()

    def on_runs_screen_rows(self, message: Rows) -> None:
        if not message.rows:
            self.query_one("#empty", TextBlock).say(_nothing(self._glyphs.clean(str(self._runs))))
        self._show_table(bool(message.rows))
        self.query_one(RunList).tell(message.rows)

    def on_run_list_moved(self, message: RunList.Moved) -> None:
        self.query_one("#detail", TextBlock).say(_detail(message.row, self.size.width - 4, self._glyphs))

    def action_open(self) -> None:
        self.query_one(RunList).action_open()

    def action_down(self) -> None:
        self.query_one(RunList).action_move(1)

    def action_leave(self) -> None:
        self.app.exit(0)

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self._glyphs))

    def action_commands(self) -> None:
        from tui.screens.commands import CommandsScreen

        offered = [Key("Enter", "open", "open"), Key("?", "help", "help"), Key("q", "leave", "leave")]
        self.app.push_screen(CommandsScreen(offered, False, self._glyphs), self._command_chosen)

    async def _command_chosen(self, action: str | None) -> None:
        if action:
            await self.run_action(action)

    async def on_keys_pressed(self, message: Keys.Pressed) -> None:
        await self.run_action(message.action)


def _nothing(runs: str) -> list[Text]:
    return [
        styled(f"no runs in {runs} yet", STRONG),
        Text(),
        styled("leave with q, then start one by typing:", MUTED),
        styled("  vrdl-tui train DATA", KEY).append("   DATA: a folder with train/CLASS/*.jpg", MUTED),
        styled("  vrdl-tui demo", KEY).append("         a minute's run on data that comes along", MUTED),
    ]


def _detail(row: RunRow, width: int, glyphs: Glyphs) -> list[Text]:
    """The run under the cursor, nothing of it cut that the rows can hold."""
    facts = [
        ("run", row.run.name),
        ("model", row.model or "not known yet"),
        *([("data", row.data)] if row.data else []),
    ]
    if row.best is not None:
        facts.append(("best", f"{best(row)} at epoch {row.best_epoch} of {row.epoch}"))
    if row.reason:
        facts.append(("ended", row.reason))
    rows = []
    for label, value in facts:
        for number, piece in enumerate(wrap(glyphs.clean(value), width - 7)):
            rows.append(styled((label if number == 0 else "").ljust(7), FAINT).append(piece, PLAIN))
    return [*rows, *[Text()] * _DETAIL][:_DETAIL]
