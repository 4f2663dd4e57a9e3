"""The images that a run leaves out, one at a time: the picture, why, and the way back in."""

from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.control.commands import Exclude, Restore, whoami
from engine.core.errors import UserError
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tui.late import Late
from tui.screens.asks import Asks
from tui.screens.looking import FAR, PAGES, Looking
from tui.screens.whole import Whole
from tui.settings import Memory
from tui.widgets.gallery_image import GalleryImage
from tui.widgets.gallery_items import ORDERS, Order, class_items, excluded_items
from tui.widgets.gallery_list import GalleryList
from tui.widgets.gallery_words import heading, nothing, showing
from tui.widgets.keys import Key, Keys
from tui.widgets.lines import Lines
from tui.widgets.look import BAD, GOOD, KEY, MUTED, WARN
from tui.widgets.notice import Notice
from tui.widgets.requests import Requests
from tui.widgets.view import View

_KEYS = [
    Key("n", "next", "move(1)"),
    Key("p", "previous", "move(-1)"),
    Key("c", "class", "class(1)"),
    Key("s", "sort", "sort"),
]


class GalleryScreen(Looking, Asks, Whole[None]):
    """Its live view hands it the run's state with ``show_run``, as often as it shows it itself."""

    CSS_PATH = "../styles/gallery.tcss"
    AUTO_FOCUS = None
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,p,k", "move(-1)", "Previous"),
        Binding("down,n,j", "move(1)", "Next"),
        *PAGES,
        Binding("c,right_square_bracket", "class(1)", "Next class"),
        Binding("C,left_square_bracket", "class(-1)", "Previous class"),
        Binding("s", "sort", "Sort"),
        Binding("a", "all", "All images of the class"),
        Binding("u", "restore", "Restore"),
        Binding("e", "exclude", "Leave out"),
        Binding("escape,o,q,ctrl+c,ctrl+q", "back", "Back"),
    ]

    def __init__(
        self, run: RunDir, view: View, clock: Callable[[], float], memory: Memory | None = None
    ) -> None:
        super().__init__()
        self._memory = memory or Memory()
        self._run = run
        self._view = view
        self._glyphs = view.glyphs
        self._clock = clock
        self._requests = Requests(view.glyphs)
        self._order: Order = self._memory.layout.gallery
        self._class = ""
        """The class whose images are all shown; empty: what is left out is."""
        self._listed: object = None
        self.set_class(view.glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        yield Lines(id="heading")
        with Horizontal(id="gallery"):
            yield GalleryList(self._glyphs)
            yield GalleryImage(self._glyphs)
        yield Lines(id="nothing")
        yield Notice()
        yield Keys()

    @property
    def _state(self) -> RunState:
        return self._view.state

    def on_mount(self) -> None:
        self._list()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def show_run(self, view: View) -> None:
        """Show the run as it is now."""
        gone = self._view.alive and not view.alive
        self._view = view
        self._requests.hear(view.state, view.now)
        if gone:
            self._requests.engine_gone(view.now)
        self._list()

    def _list(self, at: str = "") -> None:
        """List the images anew if they can differ."""
        stage, started = self._view.state.outliers, self._view.state.started
        listed = (len(stage.changes), len(stage.thresholds), stage.done, self._order, self._class)
        if listed != self._listed:
            self._listed = listed
            items = (
                class_items(stage, started.data if started else "", self._class)
                if self._class
                else excluded_items(stage, self._order)
            )
            self.query_one(GalleryList).tell(items, with_class=not self._class, at=at)
            self.query_one("#gallery").display = bool(items)
            self.query_one("#nothing").display = not items
        self._show()

    def on_gallery_list_moved(self) -> None:
        self._show()

    def _show(self) -> None:
        if not self.is_attached:
            return
        view, listed, image = self._view, self.query_one(GalleryList), self.query_one(GalleryImage)
        item = listed.current
        self.query_one("#heading", Lines).show([heading(view, self._order, self._class, self.size.width)])
        self.query_one(Notice).say(
            *(self._requests.word(self._clock()) or (showing(item, self._class), MUTED))
        )
        keys = list(_KEYS)
        keys.append(Key("a", "outliers" if self._class else "all", "all"))
        if item is not None and item.excluded is None:
            keys.append(Key("e", "leave out", "exclude"))
        elif item is not None and item.picture:
            keys.append(Key("u", "restore", "restore"))
        self.query_one(Keys).offer([*keys, Key("esc", "back", "back")])
        if item is None:
            self.query_one("#nothing", Lines).show(nothing(view, self.size.width - 4))
            return
        image.show(item, listed.around(), view.state)

    # what the keys do

    def action_move(self, rows: int) -> None:
        self.query_one(GalleryList).move(rows)

    def action_page(self, pages: int) -> None:
        self.query_one(GalleryList).page(pages)

    def action_end(self, way: int) -> None:
        self.action_move(way * FAR)

    def action_class(self, step: int) -> None:
        shown = self.query_one(GalleryList)
        item, stage = shown.current, self._view.state.outliers
        here = self._class or (item.class_name if item is not None else "")
        names = {one.class_name for one in stage.excluded.values()}
        classes = sorted(names | stage.thresholds.keys() if self._class else names)
        if not classes:
            return
        at = classes.index(here) + step if here in classes else 0
        name = classes[at % len(classes)]
        if self._class:
            self._class = name
            self._list()
            shown.go_to(0)
        else:
            shown.go_to(next(number for number, one in enumerate(shown.items) if one.class_name == name))

    def action_sort(self) -> None:
        if self._class:
            self._say("all images of a class are listed by error; a goes back to the outliers", MUTED)
            return
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._memory.keep(gallery=self._order)
        self._list()

    def action_all(self) -> None:
        item = self.query_one(GalleryList).current
        judged = self._view.state.outliers.thresholds
        name = item.class_name if item is not None else next(iter(sorted(judged)), "")
        if self._class:
            self._class = ""
        elif name in judged:
            self._class = name
        else:
            what = f"class {name}" if name else "no class"
            self._say(f"{what} is {'not ' if name else ''}judged: its images are not known here", WARN)
            return
        self._list(at=item.path if item is not None else "")

    def action_restore(self) -> None:
        item = self.query_one(GalleryList).current
        if item is None or item.excluded is None:
            self._say("nothing to restore: this image takes part", MUTED)
        elif item.excluded.action == "delete":
            self._say("the file was deleted: it can't be restored", WARN)
        elif self._view.alive:
            self._ask(self._run, Restore(paths=[item.path]), "restore")
        else:
            self._say(f"restoring{self._glyphs.ellipsis}", KEY)
            self._restore_offline(Restore(paths=[item.path], by=whoami()))

    @work(thread=True)
    def _restore_offline(self, command: Restore) -> None:
        from engine.outliers.files.restoring import restore_offline

        late = Late(self)
        try:
            text, style = restore_offline(self._run, command), GOOD
        except (UserError, OSError) as error:
            text, style = str(error), BAD
        late(self._say, f"restore: {text}", style)

    def action_exclude(self) -> None:
        item = self.query_one(GalleryList).current
        if item is None:
            return
        if item.excluded is not None:
            self._say("this image is left out already; u restores it", MUTED)
        elif not self._view.alive:
            self._say("no engine is running: an image is left out by hand while a run goes on", WARN)
        else:
            self._ask(self._run, Exclude(paths=[item.path]), "leaving out")

    def action_back(self) -> None:
        self.dismiss(None)
