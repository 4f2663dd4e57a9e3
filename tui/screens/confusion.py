"""The confusion explorer: the matrix with a cursor, the images of its cell, the worst pairs, each class's rates."""

from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from engine.analysis.confusion import Matrix, Norm, judged_cells
from engine.analysis.predictions import Judged, read_judged, read_tested
from engine.core.errors import UserError
from engine.run.directory import RunDir
from engine.run.train_state import Cells
from tui.late import Late
from tui.screens.confusion_acts import ConfusionActs, Panel, Shown
from tui.screens.looking import PAGES, WAYS
from tui.screens.whole import Whole
from tui.settings import Memory
from tui.widgets import confusion_words as words
from tui.widgets.confusion import class_names
from tui.widgets.confusion_cell import ConfusionCell
from tui.widgets.confusion_grid import ConfusionGrid
from tui.widgets.confusion_overview import ConfusionOverview
from tui.widgets.confusion_ranking import ConfusionRanking
from tui.widgets.edge import edge_says
from tui.widgets.keys import Key, Keys
from tui.widgets.lines import Lines
from tui.widgets.look import KEY, MUTED, styled
from tui.widgets.notice import Notice
from tui.widgets.requests import Requests
from tui.widgets.view import View

_ENOUGH_FOR_OVERVIEW = 12


class ConfusionScreen(ConfusionActs, Whole[None]):
    """Its live view hands it the run's state with ``show_run``, as often as it shows it itself."""

    CSS_PATH = "../styles/confusion.tcss"
    AUTO_FOCUS = None
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-very-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1, 0)", show=False),
        Binding("down,j", "move(1, 0)", show=False),
        Binding("left,h", "move(0, -1)", show=False),
        Binding("right", "move(0, 1)", show=False),
        *PAGES,
        Binding("n", "image(1)", "Next image"),
        Binding("p", "image(-1)", "Previous image"),
        Binding("tab", "panel", "Pictures, pairs, classes"),
        Binding("enter", "open", "Go to the cell"),
        Binding("percent_sign", "norm", "Images, share of row, of column"),
        Binding("s", "sort", "Sort"),
        Binding("w", "which", "Newest, best or test matrix"),
        Binding("e", "export", "Export"),
        Binding("escape,m,b", "back", "Back"),
        *WAYS,
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
        self._matrix = Matrix.of([], 0)
        self._labels: list[str] = []
        self._names: list[str] = []
        """The classes' names as they can be shown."""
        self._norm: Norm = self._memory.layout.matrix
        self._panel: Panel = "pictures"
        self._which: Shown = "newest"
        self._judged: list[Judged] = []
        self._judged_cells: Cells = []
        self._judged_epoch = 0
        self._tested: list[Judged] = []
        self._test_problem = ""
        self._problem = f"reading{view.glyphs.ellipsis}"
        self._taken: object = None
        self.set_class(view.glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        yield Lines(id="heading")
        with Horizontal(id="explorer"):
            with Vertical(id="matrix"):
                yield ConfusionOverview(self._glyphs)
                yield ConfusionGrid(self._glyphs)
                yield Lines(id="caption")
            yield ConfusionCell(self._glyphs)
            yield ConfusionRanking(self._glyphs)
        yield Lines(id="nothing")
        yield Notice()
        yield Keys()

    def on_mount(self) -> None:
        self.query_one("#matrix").border_title = "true down, predicted across"
        self._take()
        self._read()
        self._go_to_worst()
        self._show()

    def _go_to_worst(self) -> None:
        """The worst confusion first: that is what one comes for."""
        if pairs := self._matrix.pairs(both=False):
            grid = self.query_one(ConfusionGrid)
            grid.tell(self._matrix, self._names, self._norm)
            grid.go_to(pairs[0].true, pairs[0].predicted)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def show_run(self, view: View) -> None:
        """Show the run as it is now."""
        before, self._view = self._read_of, view
        self._take()
        if self._read_of != before:
            self._read()
        self._show()

    @property
    def _read_of(self) -> tuple[int, int]:
        """What the judged images are of: the epochs, and the prediction of the test images."""
        state = self._view.state
        return len(state.epochs), state.test.seq if state.test is not None else 0

    def _take(self) -> None:
        """Take the matrix to show from the run's state, or from the judged images."""
        state = self._view.state
        newest = state.confusion
        self._labels = state.data.classes if state.data is not None else []
        if newest is None:
            return
        if self._which == "test" and state.test is None:  # there are better weights
            self._which = "newest"
        cells = newest.cells
        if self._which == "best":
            cells = self._judged_cells
        elif state.test is not None and self._which == "test":
            cells = state.test.cells
        self._names = class_names(state, newest, self._glyphs)
        if len(self._labels) != newest.classes:
            self._labels = self._names
        taken = (newest, self._which, state.test, len(self._judged_cells), self._judged_epoch)
        if taken != self._taken:
            self._taken = taken
            self._matrix = Matrix.of(cells, newest.classes)

    @work(thread=True, exclusive=True)
    def _read(self) -> None:
        late, epoch, test = Late(self), self._view.state.early_stop.best_epoch, self._view.state.test
        classes = list(self._labels)
        try:
            judged, problem = read_judged(self._run.validation), ""
            cells = judged_cells(judged, classes)
        except UserError as error:
            judged, problem, cells = [], f"no pictures: {error}", []
        if test is not None:
            try:
                late(self._tested_read, read_tested(self._run.tested, test), "")
            except UserError as error:
                late(self._tested_read, [], f"no pictures: {error}")
        late(self._judged_read, judged, cells, epoch, problem)

    def _tested_read(self, tested: list[Judged], problem: str) -> None:
        self._tested, self._test_problem = tested, self._glyphs.clean(problem)

    def _judged_read(self, judged: list[Judged], cells: Cells, epoch: int, problem: str) -> None:
        first = not self._judged_epoch
        self._judged, self._judged_cells, self._judged_epoch = judged, cells, epoch
        self._problem = self._glyphs.clean(problem)
        if first and judged and self._view.status not in ("starting", "running", "paused"):
            # What is left of a run that is over are its best weights; the pictures are of what they said.
            self._which = "best"
            self._take()
            self._go_to_worst()
        self._take()
        self._fill_cell()
        self._show()

    # what is on screen

    def _show(self) -> None:
        if not self.is_attached:
            return
        there = self._matrix.classes > 0
        self.query_one("#explorer").display = there
        self.query_one("#nothing").display = not there
        self.query_one(Keys).offer(self._keys(there))
        self.query_one(Notice).say(*(self._requests.word(self._clock()) or (self._standing(), MUTED)))
        if not there:
            self.query_one("#heading", Lines).show([styled("confusion", KEY)])
            self.query_one("#nothing", Lines).show(words.nothing(self.size.width - 4))
            return
        what = f"{words.SHOWN_WORDS[self._which]}epoch {self._epoch}"
        row = words.heading(self._matrix, what, self._norm, self.size.width, self._glyphs)
        self.query_one("#heading", Lines).show([row])
        self._show_matrix()
        ranking = self.query_one(ConfusionRanking)
        ranking.active = self._panel != "pictures"
        ranking.rank(self._matrix, self._names, "classes" if self._panel == "classes" else "pairs")

    @property
    def _epoch(self) -> int:
        newest, test = self._view.state.confusion, self._view.state.test
        if self._which == "test" and test is not None:
            return test.epoch
        return self._judged_epoch if self._which == "best" else newest.epoch if newest is not None else 0

    def _standing(self) -> str:
        """Say whose pictures are shown where that is not the matrix's epoch."""
        newest = self._view.state.confusion
        if newest is None or not self._judged or self._which != "newest":
            return ""
        if sorted(cell for cell in newest.cells if cell[2]) == self._judged_cells:
            return ""
        return (
            f"the matrix is epoch {newest.epoch}'s; the pictures are of the best weights, "
            f"epoch {self._judged_epoch}: w shows their matrix"
        )

    def _show_matrix(self) -> None:
        grid, overview = self.query_one(ConfusionGrid), self.query_one(ConfusionOverview)
        space = self.query_one("#matrix").content_size
        caption = self.query_one("#caption", Lines)
        if not space.width or not space.height:
            return
        height = words.caption_height(self._names, space.width)
        caption.styles.height = height
        grid.tell(self._matrix, self._names, self._norm)
        room = space.height - height
        overview.display = room >= _ENOUGH_FOR_OVERVIEW and not grid.fits(space.width, room)
        overview.tell(self._matrix, self._norm, grid.true, grid.predicted)
        caption.show(words.caption(self._names, grid.true, grid.predicted, space.width))
        told = words.cell_words(self._matrix, grid.true, grid.predicted)
        edge_says(self.query_one("#matrix"), subtitle=told)

    def on_confusion_grid_moved(self) -> None:
        self._fill_cell()
        self._show_matrix()

    def on_confusion_overview_chosen(self, message: ConfusionOverview.Chosen) -> None:
        self.query_one(ConfusionGrid).go_to(message.true, message.predicted)

    def _fill_cell(self) -> None:
        grid = self.query_one(ConfusionGrid)
        if not self._names:
            return
        cell = grid.true, grid.predicted
        names = self._names[cell[0]], self._names[cell[1]]
        of_test = self._which == "test"
        problem = self._test_problem if of_test else self._problem
        why_none = words.no_pictures(names, self._matrix.cells.get(cell, 0), problem)
        classes = self._labels[cell[0]], self._labels[cell[1]]
        self.query_one(ConfusionCell).show(
            self._tested if of_test else self._judged, classes, names, why_none
        )

    def _keys(self, there: bool) -> list[Key]:
        keys: list[Key] = []
        if there:
            keys = [Key("tab", self._next_panel, "panel"), Key("%", "shares", "norm")]
            if self._panel == "pictures":
                keys += [Key("n", "next image", "image(1)")]
            else:
                keys += [Key("Enter", "go there", "open"), Key("s", "sort", "sort")]
            keys.append(Key("w", self._next_shown or "best", "which"))
            keys.append(Key("e", "export", "export"))
        keys += [Key("^p", "commands", "commands"), Key("esc", "back", "back"), Key("?", "help", "help")]
        return keys

    def action_back(self) -> None:
        self.dismiss(None)
