"""The confusion matrix cell by cell, a cursor in it: all of it where it fits, else what is around the cursor."""

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message

from engine.analysis.confusion import Matrix, Norm
from tui.widgets.confusion_shades import cell_style, step_of
from tui.widgets.lines import Lines
from tui.widgets.look import KEY, MUTED, PLAIN, Glyphs, styled

_WIDEST_CELL = 12
_TALL = (5, 3)
"""How high a cell may be where there is room, the number in its middle row."""
_MOST_LABEL = 28
_SHARED = 4


@dataclass(frozen=True, slots=True)
class _Shape:
    """``rows`` x ``columns`` cells of ``cell`` x ``tall``, right of ``label`` cells and below ``head`` rows."""

    label: int
    head: int
    cell: int
    tall: int
    rows: int
    columns: int


class ConfusionGrid(Lines):
    """Rows are true classes, columns predicted ones."""

    class Moved(Message):
        """The cursor is on another cell."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ConfusionGrid.Moved)

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="grid")
        self._glyphs = glyphs
        self._matrix = Matrix.of([], 0)
        self._names: list[str] = []
        self._telling: list[str] = []
        """The names without what all of them begin with."""
        self._norm: Norm = "counts"
        self._shape: _Shape | None = None
        self._top, self._left = 0, 0
        self.true, self.predicted = 0, 0
        """The cell under the cursor."""

    def tell(self, matrix: Matrix, names: list[str], norm: Norm) -> None:
        """Show a matrix; ``names`` (cleaned) are its classes'. The cursor stays on its cell."""
        if names != self._names:
            self._telling = _telling(names, self._glyphs)
        self._matrix, self._names, self._norm = matrix, names, norm
        last = max(0, matrix.classes - 1)
        self.true, self.predicted = min(self.true, last), min(self.predicted, last)
        self._draw()

    @property
    def whole(self) -> bool:
        """Whether every class is on screen."""
        shape = self._shape
        return shape is not None and min(shape.rows, shape.columns) >= self._matrix.classes

    def fits(self, width: int, height: int) -> bool:
        """Whether every class would be on screen in so many cells."""
        shape = self._plan(width, height)
        return shape is not None and min(shape.rows, shape.columns) >= self._matrix.classes

    def move(self, down: int, right: int) -> None:
        last = self._matrix.classes - 1
        self.go_to(min(last, max(0, self.true + down)), min(last, max(0, self.predicted + right)))

    def go_to(self, true: int, predicted: int) -> None:
        if 0 <= true < self._matrix.classes and 0 <= predicted < self._matrix.classes:
            self.true, self.predicted = true, predicted
            self._draw()
            self.post_message(self.Moved())

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        self.move(-1, 0)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        self.move(1, 0)

    def on_click(self, event: Click) -> None:
        content, shape = event.get_content_offset(self), self._shape
        if content is None or shape is None or content.x <= shape.label or content.y < shape.head:
            return
        row, column = (content.y - shape.head) // shape.tall, (content.x - shape.label - 1) // shape.cell
        if row < shape.rows and column < shape.columns:
            self.go_to(self._top + row, self._left + column)

    def _plan(self, width: int, height: int) -> _Shape | None:
        classes = self._matrix.classes
        if not classes or width < 12 or height < 4:
            return None
        longest = max(map(cell_len, self._names))
        least = self._digits() + 1
        widest = min(longest, max(10, min(_MOST_LABEL, width * 2 // 5)))
        label = min(widest, width - 1 - classes * least)
        label = label if label >= min(longest, 8) else widest
        room = width - label - 1
        columns = min(classes, room // least)
        cell = min(_WIDEST_CELL, room // columns) if columns == classes else least
        # Names stand upright where they don't fit side by side.
        head = 1 if longest < cell else min(longest, max(4, height // 3, height - classes))
        cell = cell if head == 1 else min(cell, max(least, 7))
        fitting = (tall for tall in _TALL if classes * tall + head <= height and columns == classes)
        tall = next(fitting, 1)
        return _Shape(label, head, cell, tall, min(classes, (height - head) // tall), columns)

    def _digits(self) -> int:
        if self._norm != "counts":
            return 3
        return max(2, len(str(max(self._matrix.cells.values(), default=0))))

    def _draw(self) -> None:
        shape = self._shape = self._plan(*self.size)
        if shape is None:
            self.show([])
            return
        self._top = _window(self._top, self.true, shape.rows, self._matrix.classes)
        self._left = _window(self._left, self.predicted, shape.columns, self._matrix.classes)
        columns = range(self._left, self._left + shape.columns)
        rows = self._heads(shape, columns)
        largest = self._largest()
        for true in range(self._top, self._top + shape.rows):
            short = cell_len(self._names[true]) > shape.label
            name = self._glyphs.fit((self._telling if short else self._names)[true], shape.label)
            row = styled(name, KEY if true == self.true else PLAIN).append(" ")
            edge = Text(" " * (shape.label + 1))
            for predicted in columns:
                right = true == predicted
                share = self._matrix.share(true, predicted, self._norm) or 0.0
                style = cell_style(step_of(share, largest[right]), right=right)
                here = (true, predicted) == (self.true, self.predicted)
                number = self._number(share).rjust(shape.cell - 1)
                if here:
                    # Brackets, and not colours alone: some terminals have none.
                    number = f"[{number.lstrip()}]"[: shape.cell].rjust(shape.cell)
                    row.append(number, KEY + style if share else KEY)
                else:
                    row.append(f"{number} ", style)
                edge.append(" " * shape.cell, style)
            around = [edge] * (shape.tall // 2)
            rows += [*around, row, *around]
        self.show(rows)

    def _heads(self, shape: _Shape, columns: range) -> list[Text]:
        room = max(shape.head, shape.cell - 1)
        names = [
            self._glyphs.cut(
                (self._telling if cell_len(self._names[column]) > room else self._names)[column], room
            )
            for column in columns
        ]
        rows = []
        for y in range(shape.head):
            row = Text(" " * (shape.label + 1))
            for column, name in zip(columns, names, strict=True):
                start = shape.head - len(name)
                piece = name if shape.head == 1 else name[y - start] if y >= start else ""
                style = KEY if column == self.predicted else MUTED
                row.append(" " * (shape.cell - 1 - cell_len(piece)) + piece + " ", style)
            rows.append(row)
        return rows

    def _largest(self) -> dict[bool, float]:
        largest = {True: 0.0, False: 0.0}
        for true, predicted in self._matrix.cells:
            share = self._matrix.share(true, predicted, self._norm) or 0.0
            largest[true == predicted] = max(largest[true == predicted], share)
        return largest

    def _number(self, share: float) -> str:
        if not share:
            return self._glyphs.dot
        if self._norm == "counts":
            return f"{share:.0f}"
        return f"{share * 100:.0f}" if share >= 0.005 else "<1"


def _window(start: int, at: int, seen: int, total: int) -> int:
    """Return where to begin so that ``at`` is among the ``seen``, and its neighbours too where there are some."""
    margin = min(2, (seen - 1) // 2)
    start = max(min(start, at - margin), at + margin + 1 - seen)
    return max(0, min(start, total - seen))


def _telling(names: list[str], glyphs: Glyphs) -> list[str]:
    """Return the names without a long beginning that they share: cut short, they would all look the same."""
    first, last = min(names), max(names)
    differ = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    shared = first[: next(differ, len(first))]
    if len(shared) < _SHARED or shared in names:
        return names
    return [glyphs.ellipsis + name[len(shared) :] for name in names]
