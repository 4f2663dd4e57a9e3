"""Panel: how well each class is recognised, the worst first."""

from collections import defaultdict
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from engine.journal.events import ConfusionMatrix
from engine.journal.state import RunState
from tui.widgets.bar import bar
from tui.widgets.confusion import class_names
from tui.widgets.edge import edge_says
from tui.widgets.look import BAD, FAINT, GOOD, MUTED, PLAIN, STRONG, WARN, Glyphs, styled
from tui.widgets.scrolling import Scrolling
from tui.widgets.view import View

_WIDEST_BAR = 60
_WIDEST_NAME = 40


class ClassScore(NamedTuple):
    """``right`` of ``images`` validation images of class ``number`` were recognised."""

    number: int
    right: int
    images: int
    taken_for: int
    """The class that its images are taken for most, -1 for none."""
    mistaken: int
    """How many of them are."""
    change: float | None
    """Percent points more than at the best epoch; None where that isn't known."""

    @property
    def share(self) -> float:
        """Percent of its images that were recognised."""
        return 100 * self.right / self.images


def class_scores(matrix: ConfusionMatrix, best: ConfusionMatrix | None) -> list[ClassScore]:
    """Return the classes that have validation images, worst first; changes are against ``best``."""
    before = _shares(best) if best is not None else {}
    wrong: dict[int, tuple[int, int]] = defaultdict(lambda: (0, -1))
    for true, predicted, images in matrix.cells:
        if true != predicted and images > wrong[true][0]:
            wrong[true] = (images, predicted)
    scores = []
    for true, (right, images) in _counts(matrix).items():
        share = 100 * right / images
        change = share - before[true] if true in before else None
        mistaken, taken_for = wrong[true]
        scores.append(ClassScore(true, right, images, taken_for, mistaken, change))
    return sorted(scores, key=lambda one: (one.share, -one.images, one.number))


def _counts(matrix: ConfusionMatrix) -> dict[int, tuple[int, int]]:
    counts: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for true, predicted, images in matrix.cells:
        right, every = counts[true]
        counts[true] = (right + (images if true == predicted else 0), every + images)
    return {true: both for true, both in counts.items() if both[1]}


def _shares(matrix: ConfusionMatrix) -> dict[int, float]:
    return {true: 100 * right / images for true, (right, images) in _counts(matrix).items()}


class PerClass(Scrolling):
    """One class a row: its name, its accuracy, the change since the best epoch, what it is taken for."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="per-class")
        self._glyphs = glyphs
        self._matrix: ConfusionMatrix | None = None
        self._names: list[str] = []
        self._scores: list[ClassScore] = []

    def show_run(self, view: View) -> None:
        matrix = view.state.confusion
        if matrix is self._matrix and self._count:
            return
        self._matrix = matrix
        self._scores = []
        if matrix is not None:
            self._names = class_names(view.state, matrix, view.glyphs)
            self._scores = class_scores(matrix, _of_best(view.state))
            best = view.state.early_stop.best_epoch
            since = f" {view.glyphs.dot} change since epoch {best}" if _of_best(view.state) else ""
            edge_says(self, title=f"accuracy by class, epoch {matrix.epoch}, worst first{since}")
        else:
            edge_says(self, title="accuracy by class")
        self.relay()

    def lay(self, width: int) -> int:
        return len(self._scores)

    def nothing(self) -> str:
        return "no class is judged yet: the first validation brings them"

    def drawn(self, start: int, end: int) -> list[Text]:
        scores, width = self._scores, self.size.width
        numbers = max(len(f"{one.right:,}/{one.images:,}") for one in scores)
        changes = 7 if any(one.change is not None for one in scores) else 0
        fixed = 8 + 1 + numbers + changes
        longest = max(cell_len(name) for name in self._names)
        name_width = min(longest, _WIDEST_NAME, max(8, (width - fixed) * 2 // 5))
        room = width - name_width - fixed - 2
        mistake_width = min(longest + 8, _WIDEST_NAME, room * 2 // 3) if room >= 26 else 0
        bar_width = min(_WIDEST_BAR, room - mistake_width - (2 if mistake_width else 0))
        return [
            self._row(one, name_width, numbers, changes, bar_width, mistake_width)
            for one in scores[start:end]
        ]

    def _row(
        self, one: ClassScore, name: int, numbers: int, changes: int, bar_width: int, mistake: int
    ) -> Text:
        glyphs = self._glyphs
        style = BAD if one.share < 50 else WARN if one.share < 80 else GOOD
        row = styled(glyphs.fit(self._names[one.number], name), PLAIN)
        row.append(f"{one.share:>7.1f} %"[-8:], STRONG)
        row.append(f" {f'{one.right:,}/{one.images:,}':>{numbers}}", MUTED)
        if changes:
            row.append(f"{'' if one.change is None else f'{one.change:+.1f}':>{changes}}", _tone(one.change))
        if bar_width >= 4:
            row.append("  ").append(bar(one.right, one.images, bar_width, style, glyphs))
        if mistake and one.mistaken:
            tail = f" {one.mistaken:,}"
            row.append("  " + glyphs.arrow + " ", FAINT)
            room = mistake - len(glyphs.arrow) - 1 - len(tail)
            row.append(glyphs.cut(self._names[one.taken_for], room), PLAIN).append(tail, MUTED)
        return row


def _of_best(state: RunState) -> ConfusionMatrix | None:
    """The matrix of the best epoch, where the newest is another's."""
    best, newest = state.best_confusion, state.confusion
    if best is None or newest is None or best.epoch != state.early_stop.best_epoch:
        return None
    return best if newest.epoch != best.epoch else None


def _tone(change: float | None) -> Style:
    return FAINT if not change else GOOD if change > 0 else BAD
