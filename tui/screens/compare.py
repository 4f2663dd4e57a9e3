"""Two to twelve runs over each other: curves, best figures, what differs, and whether that is more than noise."""

from collections.abc import Callable
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message

from engine.analysis.compare import FEWEST, MOST, Comparison
from engine.analysis.compare_tables import grounds, sentence
from engine.core.errors import UserError
from engine.core.text import count
from engine.run.directory import RunDir
from tui.helper import HelperError
from tui.late import Late
from tui.screens.box import TextBlock
from tui.screens.choosing import Choosing
from tui.screens.whole import Whole
from tui.widgets.compare_plot import ComparePlot
from tui.widgets.compare_recipes import CompareRecipes
from tui.widgets.compare_runs import CompareRuns
from tui.widgets.compare_series import CURVES
from tui.widgets.compare_watch import CompareWatch
from tui.widgets.keys import Key, Keys
from tui.widgets.look import BAD, GOOD, KEY, MUTED, PLAIN, STRONG, Glyphs, styled
from tui.widgets.notice import Notice
from tui.widgets.requests import Requests
from tui.widgets.wrapping import wrap

_LOW = 34


class CompareScreen(Choosing, Whole[None]):
    """Opened over the list of runs, and left back to it; the runs are read again while they go on."""

    CSS_PATH = "../styles/compare.tcss"
    AUTO_FOCUS = None
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (170, "-very-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (_LOW, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "curve(1)", "Next curve"),
        Binding("Y", "curve(-1)", "Previous curve"),
        Binding("tab", "differences", "Runs or recipes"),
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("home,g", "move(-1000)", show=False),
        Binding("end,G", "move(1000)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("left", "side(-1)", show=False),
        Binding("right", "side(1)", show=False),
        Binding("e", "export", "Export"),
        Binding("escape,b", "back", "Back"),
        Binding("q,ctrl+q,ctrl+c", "leave", "Leave"),
        Binding("question_mark,f1", "help", "Help"),
        Binding("ctrl+p", "commands", "Commands"),
    ]

    class News(Message):
        def __init__(self, comparison: Comparison) -> None:
            super().__init__()
            self.comparison = comparison

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, CompareScreen.News)

    def __init__(self, runs: list[RunDir], glyphs: Glyphs, clock: Callable[[], float]) -> None:
        super().__init__()
        self._runs = runs
        self._glyphs = glyphs
        self._clock = clock
        self._requests = Requests(glyphs)
        self._comparison: Comparison | None = None
        self._curve = 0
        self._watch = CompareWatch(runs, lambda comparison: self.post_message(self.News(comparison)))
        self.set_class(glyphs.ascii, "-ascii")

    @property
    def _possible(self) -> bool:
        return FEWEST <= len(self._runs) <= MOST

    def compose(self) -> ComposeResult:
        yield TextBlock([self._title()], id="title")
        yield TextBlock([], id="nothing")
        yield ComparePlot(self._glyphs)
        with Container(id="tables"):
            yield CompareRuns(self._glyphs)
            yield CompareRecipes(self._glyphs)
        yield Notice()
        yield Keys()

    def _title(self) -> Text:
        return styled("vrdl-tui ", KEY).append(f"compare {count(len(self._runs), 'run')}", MUTED)

    def on_mount(self) -> None:
        self._show_panels(False)
        nothing = self.query_one("#nothing", TextBlock)
        if self._possible:
            nothing.say([styled(f"reading the runs{self._glyphs.ellipsis}", MUTED)])
            self._watch.start()
        else:
            nothing.say(_impossible(len(self._runs), self.app.size.width - 4))
        self.set_interval(1.0, self._show)
        self._show()

    def on_unmount(self) -> None:
        self._watch.stop()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _show_panels(self, there: bool) -> None:
        self.query_one("#nothing").display = not there
        self.query_one(ComparePlot).display = there
        self.query_one("#tables").display = there

    def on_compare_screen_news(self, message: News) -> None:
        self._comparison = message.comparison
        self._show_panels(True)
        self.query_one(CompareRuns).tell(message.comparison)
        self.query_one(CompareRecipes).tell(message.comparison)
        self.call_after_refresh(self._show)

    def on_compare_runs_moved(self) -> None:
        self._show()

    def _show(self) -> None:
        if not self.is_attached:
            return
        self.query_one(Keys).offer(self._keys())
        comparison = self._comparison
        if comparison is None:
            return
        at = self.query_one(CompareRuns).at
        self.query_one(ComparePlot).tell(comparison, CURVES[self._curve], at)
        said = f"{comparison.entrants[at].name}: {sentence(comparison, at)}"
        self.query_one(Notice).say(*(self._requests.word(self._clock()) or (self._glyphs.clean(said), PLAIN)))

    def _keys(self) -> list[Key]:
        keys: list[Key] = []
        if self._comparison is not None:
            keys += [Key("y", "curve", "curve(1)"), Key("arrows", "choose", "move(1)")]
            if self.has_class("-low"):
                other = "runs" if self.has_class("-differences") else "recipes"
                keys.append(Key("tab", other, "differences"))
            keys.append(Key("e", "export", "export"))
        keys += [Key("^p", "commands", "commands"), Key("esc", "back", "back")]
        return [*keys, Key("?", "help", "help"), Key("q", "leave", "leave")]

    # what the keys do

    def action_curve(self, step: int) -> None:
        self._curve = (self._curve + step) % len(CURVES)
        self._show()

    def action_move(self, rows: int) -> None:
        if self.query_one(CompareRuns).display:
            self.query_one(CompareRuns).move(rows)
        else:
            self.query_one(CompareRecipes).move(rows, 0)

    def action_differences(self) -> None:
        """Where both tables don't fit: the one or the other."""
        self.toggle_class("-differences")
        self.call_after_refresh(self._show)

    def action_page(self, pages: int) -> None:
        self.query_one(CompareRecipes).page(pages)

    def action_side(self, columns: int) -> None:
        self.query_one(CompareRecipes).move(0, columns)

    def action_export(self) -> None:
        if self._comparison is not None:
            from tui.screens.compare_export import ExportScreen

            self.app.push_screen(ExportScreen(self._glyphs), self._export_chosen)

    def _export_chosen(self, kinds: str | None) -> None:
        if kinds and self._comparison is not None:
            self._requests.say(f"writing{self._glyphs.ellipsis}", KEY, self._clock())
            self._show()
            self._export(kinds.split(), self._comparison)

    @work(thread=True)
    def _export(self, kinds: list[str], comparison: Comparison) -> None:
        from tui.screens.compare_export import export

        late = Late(self)
        try:
            written = export(kinds, comparison, self._runs)
            text, style = f"written: {', '.join(map(str, written))}", GOOD
        except (UserError, HelperError, OSError) as error:
            text, style = f"export: {error}", BAD
        late(self._say, self._glyphs.clean(text), style)

    def _say(self, text: str, style: Style) -> None:
        self._requests.say(text, style, self._clock())
        self._show()

    def action_back(self) -> None:
        self.dismiss(None)

    def action_leave(self) -> None:
        self.app.exit(0)

    def action_help(self) -> None:
        from tui.screens.compare_help import CompareHelp

        self.app.push_screen(CompareHelp(grounds(self._comparison) if self._comparison else [], self._glyphs))

    def action_commands(self) -> None:
        from tui.screens.commands import CommandsScreen

        self.app.push_screen(CommandsScreen(self._keys(), False, self._glyphs), self._command_chosen)


def _impossible(runs: int, width: int) -> list[Text]:
    chosen = f"{FEWEST} to {MOST} runs can be compared, and {runs} {'is' if runs == 1 else 'are'} chosen"
    way = "esc goes back: choose some in the list of runs, and open the comparison again; or type"
    return [
        styled(chosen, STRONG),
        *(styled(piece, MUTED) for piece in wrap(way, width)),
        styled("  vrdl-tui compare RUN RUN", KEY),
    ]
