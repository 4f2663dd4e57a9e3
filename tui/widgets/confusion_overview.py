"""All of a large confusion matrix at one look: blocks of classes, the brighter the more images."""

from rich.style import Style
from rich.text import Text
from textual.events import Click, Resize
from textual.message import Message

from engine.analysis.confusion import Matrix, Norm
from tui.widgets.confusion_shades import HERE, colour, step_of
from tui.widgets.lines import Lines
from tui.widgets.look import BAD, FAINT, GOOD, KEY, MUTED, WARN, Glyphs, styled
from tui.widgets.wrapping import wrap

_UPPER = "▀"


class ConfusionOverview(Lines):
    """Each block is the mean of its cells; the one with the cursor is marked. A click goes to a block's worst cell."""

    class Chosen(Message):
        def __init__(self, true: int, predicted: int) -> None:
            super().__init__()
            self.true = true
            self.predicted = predicted

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="overview")
        self._glyphs = glyphs
        self._matrix = Matrix.of([], 0)
        self._norm: Norm = "counts"
        self._at = (0, 0)
        self._side, self._number = 1, 0
        self._means: list[list[float]] = []
        self._made: object = None

    def tell(self, matrix: Matrix, norm: Norm, true: int, predicted: int) -> None:
        """Show a matrix, the cursor on the cell (true, predicted)."""
        self._matrix, self._norm, self._at = matrix, norm, (true, predicted)
        self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def on_click(self, event: Click) -> None:
        content = event.get_content_offset(self)
        if content is None or not self._number:
            return
        row, column = (content.y * 2, content.x) if self._coloured else (content.y, content.x // 2)
        if row >= self._number or column >= self._number:
            return
        # A coloured mark is two blocks high: the wrong ones weigh more than which half was hit.
        tall = 2 * self._side if self._coloured else self._side
        block = [
            (images, true, predicted)
            for (true, predicted), images in self._matrix.cells.items()
            if 0 <= true - row * self._side < tall and predicted // self._side == column and true != predicted
        ]
        _, true, predicted = max(block, default=(0, row * self._side, column * self._side))
        self.post_message(self.Chosen(true, predicted))

    @property
    def _coloured(self) -> bool:
        return not self._glyphs.ascii and not self.app.no_color

    def _draw(self) -> None:
        (width, height), matrix = self.size, self._matrix
        if not width or not height or not matrix.classes:
            return
        most = min(width, height * 2) if self._coloured else min(width // 2, height)
        made = (most, matrix, self._norm)
        if made != self._made:
            self._made = made
            self._side = -(-matrix.classes // max(1, most))
            self._number = -(-matrix.classes // self._side)
            self._means = _means(matrix, self._norm, self._side, self._number)
        drawn = self._half_blocks() if self._coloured else self._shades()
        left = max(row.cell_len for row in drawn) + 2
        beside = self._legend(width - left) if width - left >= 16 else []
        rows = []
        for y in range(min(height, max(len(drawn), len(beside)))):
            row = drawn[y].copy() if y < len(drawn) else Text()
            if y < len(beside):
                row.append(" " * (left - row.cell_len)).append(beside[y])
            rows.append(row)
        self.show(rows)

    def _steps(self) -> list[list[int | None]]:
        span = range(self._number)
        diagonal = max(self._means[at][at] for at in span)
        off = max((self._means[row][column] for row in span for column in span if row != column), default=0.0)
        return [
            [step_of(self._means[row][column], diagonal if row == column else off) for column in span]
            for row in span
        ]

    def _half_blocks(self) -> list[Text]:
        steps, here = self._steps(), (self._at[0] // self._side, self._at[1] // self._side)
        rows = []
        for top in range(0, self._number, 2):
            row = Text()
            for column in range(self._number):
                pair = [
                    HERE
                    if (at, column) == here
                    else colour(steps[at][column], right=at == column)
                    if at < self._number
                    else None
                    for at in (top, top + 1)
                ]
                row.append(_UPPER, Style.from_color(pair[0], pair[1]))
            rows.append(row)
        return rows

    def _shades(self) -> list[Text]:
        glyphs, here = self._glyphs, (self._at[0] // self._side, self._at[1] // self._side)
        rows = []
        for at, steps in enumerate(self._steps()):
            row = Text()
            for column, step in enumerate(steps):
                if (at, column) == here:
                    row.append("[]", KEY)
                elif step is None:
                    row.append(f"{glyphs.dot} ", FAINT)
                else:
                    row.append(glyphs.shades[1 + step] * 2, GOOD if at == column else WARN)
            rows.append(row)
        return rows

    def _legend(self, width: int) -> list[Text]:
        times = self._glyphs.times
        said = [(f"all {self._matrix.classes} classes, true down, predicted across", MUTED)]
        if self._side > 1:
            said.append((f"a mark is {self._side} {times} {self._side} classes", MUTED))
        if self._coloured:
            said += [("right on the diagonal", GOOD), ("wrong beside it", BAD), ("here", Style(color=HERE))]
        else:
            said += [("denser: more images", MUTED), ("[] here", KEY)]
        return [styled(piece, style) for text, style in said for piece in wrap(text, width)]


def _means(matrix: Matrix, norm: Norm, side: int, number: int) -> list[list[float]]:
    """Return the mean of the cells of each block, the last ones of which may be smaller."""
    sums = [[0.0] * number for _ in range(number)]
    for true, predicted in matrix.cells:
        sums[true // side][predicted // side] += matrix.share(true, predicted, norm) or 0.0
    spans = [min(side, matrix.classes - at * side) for at in range(number)]
    return [
        [total / (spans[row] * spans[column]) for column, total in enumerate(sums[row])]
        for row in range(number)
    ]
