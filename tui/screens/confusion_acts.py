"""What the keys of the confusion explorer do."""

from typing import Literal

from textual import work

from engine.analysis.confusion import Matrix, Norm
from engine.analysis.predictions import Judged
from engine.core.errors import UserError
from engine.run.directory import RunDir
from engine.run.train_state import Cells
from tui.helper import HelperError
from tui.late import Late
from tui.screens.looking import FAR, Looking
from tui.settings import Memory
from tui.widgets import confusion_words as words
from tui.widgets.confusion_cell import ConfusionCell
from tui.widgets.confusion_grid import ConfusionGrid
from tui.widgets.confusion_ranking import ConfusionRanking
from tui.widgets.keys import Key
from tui.widgets.look import BAD, GOOD, KEY, MUTED
from tui.widgets.prediction_rows import Rows
from tui.widgets.view import View

Panel = Literal["pictures", "pairs", "classes"]
Shown = Literal["newest", "best", "test"]
"""The matrix that is shown: the newest, the one that the judged validation images add up to, or the test images'."""
_PANELS: tuple[Panel, ...] = ("pictures", "pairs", "classes")
_NORMS: tuple[Norm, ...] = ("counts", "row", "column")


class ConfusionActs(Looking):
    """The part of the screen that acts: the cursor, the panel beside the matrix, what is shown, the export."""

    _run: RunDir
    _view: View
    _memory: Memory
    _matrix: Matrix
    _labels: list[str]
    _norm: Norm
    _panel: Panel
    _which: Shown
    _judged: list[Judged]
    _problem: str

    @property
    def _epoch(self) -> int:
        """The epoch whose matrix is shown."""
        raise NotImplementedError

    def _take(self) -> None:
        raise NotImplementedError

    def _go_to_worst(self) -> None:
        raise NotImplementedError

    def _fill_cell(self) -> None:
        raise NotImplementedError

    def _keys(self, there: bool) -> list[Key]:
        raise NotImplementedError

    @property
    def _next_panel(self) -> Panel:
        return _PANELS[(_PANELS.index(self._panel) + 1) % len(_PANELS)]

    @property
    def _next_shown(self) -> Shown | None:
        """The matrix that comes next, None if there is only the newest."""
        there: list[Shown] = ["newest"]
        there += ["best"] if self._judged else []
        there += ["test"] if self._view.state.test is not None else []
        return there[(there.index(self._which) + 1) % len(there)] if len(there) > 1 else None

    def action_move(self, down: int, right: int) -> None:
        if self._panel != "pictures" and down:
            self.query_one(ConfusionRanking).move(down)
        elif self._matrix.classes:
            self.query_one(ConfusionGrid).move(down, right)

    def action_page(self, pages: int) -> None:
        if self._panel == "pictures":
            self.action_move(pages * 10, 0)
        else:
            self.query_one(ConfusionRanking).page(pages)

    def action_end(self, way: int) -> None:
        self.action_move(way * FAR, way * FAR if self._panel == "pictures" else 0)

    def action_image(self, step: int) -> None:
        self.query_one(ConfusionCell).move(step)

    def action_panel(self) -> None:
        self._turn_to(self._next_panel)

    def _turn_to(self, panel: Panel) -> None:
        self._panel = panel
        for other in _PANELS:
            self.set_class(panel == other, f"-{other}")
        self._show()
        # What was hidden has a size, and so its rows, only after this.
        self.call_after_refresh(self._show)

    def on_rows_opened(self, _message: Rows.Opened) -> None:
        self.action_open()

    def action_open(self) -> None:
        """Go to the cell of the pair or class under the cursor, and show its pictures."""
        target = self.query_one(ConfusionRanking).target()
        if target is not None:
            self.query_one(ConfusionGrid).go_to(*target)
            self._turn_to("pictures")

    def action_norm(self) -> None:
        self._norm = _NORMS[(_NORMS.index(self._norm) + 1) % len(_NORMS)]
        self._memory.keep(matrix=self._norm)
        self._say(f"the matrix shows {words.NORM_WORDS[self._norm]}", MUTED)

    def action_sort(self) -> None:
        self.query_one(ConfusionRanking).sort()

    def action_which(self) -> None:
        shown = self._next_shown
        if shown is None:
            self._say(self._problem or "there are no best weights yet", MUTED)
            return
        self._which = shown
        self._take()
        if shown == "test":  # other images, other confusions
            self._go_to_worst()
        self._fill_cell()
        self._show()

    def action_export(self) -> None:
        if not self._matrix.classes:
            return
        cells = [(*cell, images) for cell, images in sorted(self._matrix.cells.items())]
        self._say(f"exporting{self._glyphs.ellipsis}", KEY)
        self._export(cells, list(self._labels), self._epoch, self._which == "test")

    @work(thread=True)
    def _export(self, cells: Cells, classes: list[str], epoch: int, of_test: bool) -> None:
        from tui.widgets.confusion_export import export_matrix

        late = Late(self)
        try:
            table, picture = export_matrix(self._run, cells, classes, epoch, of_test=of_test)
            text, style = f"written: {table} and {picture.name}", GOOD
        except (UserError, HelperError, OSError) as error:
            text, style = f"export: {error}", BAD
        late(self._say, text, style)

    def action_leave(self) -> None:
        self.app.exit(1 if self._view.status == "failed" else 0)

    def action_help(self) -> None:
        from tui.screens.confusion_help import CONFUSION_KEYS, CONFUSION_NOTE, KeyHelp

        self.app.push_screen(KeyHelp(CONFUSION_KEYS, CONFUSION_NOTE, self._glyphs))

    def action_commands(self) -> None:
        from tui.screens.commands import CommandsScreen

        offered = self._keys(self._matrix.classes > 0)
        self.app.push_screen(CommandsScreen(offered, False, self._glyphs), self._command_chosen)
