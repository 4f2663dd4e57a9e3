"""timm's models: found as you type, with what is known of each; Enter takes one for a run."""

from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Input

from engine.core.text import count
from tui.screens.box import TextBlock
from tui.screens.preparing import Preparing
from tui.screens.whole import Whole
from tui.widgets.edge import edge_says
from tui.widgets.entry import Entry
from tui.widgets.form_cursor import CursorList
from tui.widgets.keys import Key, Keys
from tui.widgets.lines import Lines
from tui.widgets.look import BAD, BEST, KEY, MUTED, STRONG, Glyphs, styled
from tui.widgets.model_list import ModelList
from tui.widgets.model_query import HINT, ModelRow, find
from tui.widgets.model_table import ModelTable
from tui.widgets.model_words import model_words
from tui.widgets.notice import Notice

_SORTS = ("candidates first", "name", "parameters", "top-1")


class ModelsScreen(Preparing, Whole[str]):
    """Gives back the name of the model that was taken, or nothing."""

    CSS_PATH = "../styles/models.tcss"
    AUTO_FOCUS = "#query"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (150, "-broad")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search"),
        Binding("s", "sort", "Sort"),
        Binding("escape", "back", "Back"),
        Binding("q,ctrl+c,ctrl+q", "back", "Back"),
        Binding("down,tab", "list", show=False),
        Binding("question_mark,f1", "help", "Help"),
        Binding("ctrl+p", "commands", "Commands"),
    ]

    TOPIC = "models"
    PALETTE = (
        Key("Enter", "take the model", "take"), Key("/", "search", "search"),
        Key("s", "sort by the next column", "sort"), Key("?", "help", "help"), Key("esc", "back", "back"),
    )  # fmt: skip

    class Rows(Message):
        def __init__(self, rows: list[ModelRow]) -> None:
            super().__init__()
            self.rows = rows

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ModelsScreen.Rows)

    class Word(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ModelsScreen.Word)

    def __init__(self, at: str, glyphs: Glyphs) -> None:
        """``at``: the model that has the cursor at first, if there is one of that name."""
        super().__init__()
        self._at = at
        self._glyphs = glyphs
        self._every: list[ModelRow] | None = None
        """None until the table has been read."""
        self._sort = _SORTS[0]
        self._table = ModelTable(
            lambda rows: self.post_message(self.Rows(rows)), lambda word: self.post_message(self.Word(word))
        )
        self.set_class(glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        yield TextBlock([styled("models", KEY)], id="title")
        yield Entry(compact=True, placeholder=HINT, id="query")
        with Container(id="body"):
            yield ModelList(self._glyphs)
            yield Lines(id="about", classes="panel")
        yield TextBlock([styled("reading the table of models" + self._glyphs.ellipsis, MUTED)], id="empty")
        yield Notice()
        yield Keys()

    def on_mount(self) -> None:
        self.query_one(ModelList).border_title = "timm's models"
        self.query_one("#about").border_title = "about it"
        self.query_one("#body").display = False
        self.query_one(Notice).display = False
        self._table.start()
        self._offer()

    def on_unmount(self) -> None:
        self._table.stop()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_about)

    # what is shown

    def on_models_screen_rows(self, message: Rows) -> None:
        self._every = message.rows
        self._show()

    def on_models_screen_word(self, message: Word) -> None:
        bad = "can't" in message.text
        self._say(message.text, BAD if bad else MUTED)

    def _say(self, text: str, style: Style) -> None:
        notice = self.query_one(Notice)
        notice.display = bool(text)
        notice.say(self._glyphs.clean(text), style)

    def on_input_changed(self, _event: Input.Changed) -> None:
        self._at = ""
        self._show()

    def _show(self) -> None:
        if self._every is None:
            return
        listed = self.query_one(ModelList)
        found = _sorted(find(self._every, self.query_one(Input).value), self._sort)
        self.query_one("#body").display = bool(found)
        nothing = self.query_one("#empty", TextBlock)
        nothing.display = not found
        if not found:
            nothing.say(
                [
                    styled("no model fits", STRONG),
                    styled("type fewer words, or esc to empty the line; what can be typed:", MUTED),
                    styled(HINT, KEY),
                ]
            )
        here, candidates = sum(row.here for row in found), sum(row.candidate for row in found)
        title = styled("models ", KEY).append(f"{count(len(found), 'model')} of {len(self._every):,}", STRONG)
        title.append(f" {self._glyphs.dot} {here:,} with weights here", MUTED)
        if candidates:
            title.append(f" {self._glyphs.dot} ", MUTED).append(f"{self._glyphs.best} ", BEST)
            title.append("the report's candidates", MUTED)
        self.query_one("#title", TextBlock).say([title])
        at = self._at or (listed.current.fact.name if listed.current is not None else "")
        edge_says(listed, subtitle=f"by {self._sort}" if self._sort in _SORTS[1:] else self._sort)
        listed.tell(found, at)
        self._offer()

    def on_cursor_list_moved(self, _message: CursorList.Moved) -> None:
        self._show_about()

    def _show_about(self) -> None:
        row, about = self.query_one(ModelList).current, self.query_one("#about", Lines)
        if row is not None and about.content_size:
            width, height = about.content_size
            about.show(model_words(row, width, height, self._glyphs))

    def _offer(self) -> None:
        found = self.query_one(ModelList).current is not None
        keys = [Key("Enter", "take it", "take"), Key("arrows", "choose", "list")] if found else []
        if self.query_one(Input).has_focus:
            keys.append(Key("esc", "to the list" if found else "empty the line", "back"))
        else:
            keys += [
                Key("/", "search", "search"),
                Key("s", "sort", "sort"),
                Key("^p", "commands", "commands"),
            ]
            keys += [Key("?", "help", "help"), Key("esc", "back", "back")]
        self.query_one(Keys).offer(keys)

    def on_descendant_focus(self) -> None:
        self._offer()

    # what the keys do

    def on_cursor_list_chosen(self, _message: CursorList.Chosen) -> None:
        self.action_take()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        self.action_take()

    def action_take(self) -> None:
        row = self.query_one(ModelList).current
        if row is not None and self.query_one("#body").display:
            self.dismiss(row.fact.name)

    def action_search(self) -> None:
        self.query_one(Input).focus()

    def action_list(self) -> None:
        listed = self.query_one(ModelList)
        if self.query_one(Input).has_focus and listed.count:
            listed.focus()
        else:
            listed.action_move(1)

    def action_sort(self) -> None:
        self._sort = _SORTS[(_SORTS.index(self._sort) + 1) % len(_SORTS)]
        self._at = ""
        self._show()
        self.query_one(ModelList).go_to(0)

    def action_back(self) -> None:
        line = self.query_one(Input)
        if not line.has_focus:
            self.dismiss("")
        elif self.query_one(ModelList).current is not None and self.query_one("#body").display:
            self.query_one(ModelList).focus()
        elif line.value:
            line.value = ""
        else:
            self.dismiss("")


def _sorted(rows: list[ModelRow], by: str) -> list[ModelRow]:
    if by == "name":
        return sorted(rows, key=lambda row: row.fact.name)
    if by == "parameters":
        return sorted(rows, key=lambda row: (row.parameters is None, row.parameters or 0.0))
    if by == "top-1":
        return sorted(rows, key=lambda row: -row.figure.top1 if row.figure else 0.0)
    return rows
