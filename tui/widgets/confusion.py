"""Panel: which classes are taken for which."""

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from engine.journal.events import ConfusionMatrix
from engine.journal.state import RunState
from tui.widgets.heatmap import Blocks, merge, worst
from tui.widgets.look import BAD, FAINT, GOOD, MUTED, PLAIN, STRONG, WARN, Glyphs, styled
from tui.widgets.panel import Panel
from tui.widgets.view import View

_RIGHT = [
    Style.parse(style) for style in ("#dfe5ee on #12321f", "#ffffff on #1c5a31", "bold #0f1319 on #3fb960")
]
_WRONG = [
    Style.parse(style) for style in ("#dfe5ee on #3a1f22", "#ffffff on #7d2f33", "bold #0f1319 on #ff7b72")
]


class Confusion(Panel):
    """A heat map of the newest matrix, rows true and columns predicted; the worst confusions beside it."""

    title = "confusion"

    def facts(self, view: View) -> object:
        return view.state.confusion, view.state.data

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        matrix, glyphs = view.state.confusion, view.glyphs
        if matrix is None or matrix.classes < 1:  # of no class: a journal may hold anything
            return [styled("none yet: comes with the first best epoch", MUTED)]
        names = class_names(view.state, matrix, glyphs)
        beside = worst_rows(matrix, names, max(16, min(44, width * 2 // 5 - 2)), height, glyphs)
        room = width - max((row.cell_len for row in beside), default=0) - 2
        drawn = _numbers(matrix, names, room, height, glyphs) or _shades(matrix, names, room, height, glyphs)
        left = max((row.cell_len for row in drawn), default=0)
        rows = []
        for y in range(min(height, max(len(drawn), len(beside)))):
            row = drawn[y].copy() if y < len(drawn) else Text()
            if y < len(beside):
                row.append(" " * (left + 2 - row.cell_len)).append(beside[y])
            rows.append(row)
        return rows


def class_names(state: RunState, matrix: ConfusionMatrix, glyphs: Glyphs) -> list[str]:
    if state.data is not None and len(state.data.classes) == matrix.classes:
        return [glyphs.clean(name) for name in state.data.classes]
    return [f"#{index}" for index in range(matrix.classes)]


def worst_rows(
    matrix: ConfusionMatrix, names: list[str], width: int, height: int, glyphs: Glyphs
) -> list[Text]:
    """Name the largest confusions: ``cat → dog 5``."""
    wrong = sum(images for true, predicted, images in matrix.cells if true != predicted)
    total = sum(images for _, _, images in matrix.cells)
    # In a row and not in the border's title: a new title would write the whole panel anew, each epoch.
    said = f"{wrong:,} of {total:,} wrong"
    with_epoch = f"epoch {matrix.epoch}: {said}"
    rows = [styled(with_epoch if len(with_epoch) <= width else glyphs.cut(said, width), MUTED)]
    if not wrong:
        return [*rows, styled("no confusion at all", GOOD)]
    for true, predicted, images in worst(matrix.cells, height - 1):
        number = f" {images}"
        arrow = f" {glyphs.arrow} "
        room = width - len(number) - len(arrow)
        left, right = _share(cell_len(names[true]), cell_len(names[predicted]), room)
        row = styled(glyphs.cut(names[true], left), PLAIN).append(arrow, FAINT)
        rows.append(row.append(glyphs.cut(names[predicted], right), PLAIN).append(number, BAD))
    return rows


def _share(left: int, right: int, room: int) -> tuple[int, int]:
    """Divide ``room`` between two names: what the short one leaves, the long one gets."""
    half = room // 2
    if left <= half:
        return left, room - left
    return (room - right, right) if right <= room - half else (half, room - half)


def _numbers(
    matrix: ConfusionMatrix, names: list[str], width: int, height: int, glyphs: Glyphs
) -> list[Text]:
    """Every class its row with its counts written out; nothing when that doesn't fit."""
    # Before the table is made: of thousands of classes it takes a second, and nobody would see it.
    if matrix.classes + 1 > height:
        return []
    blocks = merge(matrix.cells, matrix.classes, matrix.classes)
    digits = len(str(max(blocks.largest_diagonal, blocks.largest_off_diagonal)))
    label = min(16, max(map(cell_len, names)))
    longest_label = width - matrix.classes * max(3, digits + 1) - 1
    if longest_label < min(label, 3):
        return []
    label = min(label, longest_label)
    tall = 3 if matrix.classes * 3 + 1 <= height and width >= label + 1 + matrix.classes * 7 else 1
    cell = min(max(digits + 1, 11 if tall == 3 else 7), (width - label - 1) // matrix.classes)
    head = Text(" " * (label + 1))
    for name in names:
        short = set_cell_size(name, cell - 1) if cell < 5 else glyphs.cut(name, cell - 1)
        head.append(glyphs.fit(" " * (cell - 1 - cell_len(short)) + short, cell), MUTED)
    rows = [head]
    for true, counts in enumerate(blocks.counts):
        edge, row = Text(" " * (label + 1)), styled(glyphs.fit(names[true], label), PLAIN).append(" ")
        for predicted, images in enumerate(counts):
            style = _heat(images, true == predicted, blocks) or FAINT
            row.append(f"{images if images else glyphs.dot:>{cell - 1}} ", style)
            edge.append(" " * cell, style)
        rows += [edge, row, edge] if tall == 3 else [row]
    return rows


def _shades(matrix: ConfusionMatrix, names: list[str], width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Blocks of classes as shades: the darker, the more images; diagonal and rest each on its own scale."""
    label = min(10, max(map(cell_len, names)))
    most = max(1, min(height - 1, (width - label - 1) // 2))
    blocks = merge(matrix.cells, matrix.classes, most)
    number = len(blocks.counts)
    head = (
        f"cell = {blocks.side}{glyphs.times}{blocks.side} classes"
        if blocks.side > 1
        else "true down, predicted across"
    )
    rows = [styled(glyphs.cut(head, max(width, 0)), FAINT)]
    for true, counts in enumerate(blocks.counts):
        row = styled(glyphs.fit(names[true * blocks.side], label), MUTED).append(" ")
        for predicted, images in enumerate(counts):
            row.append(*_shade(images, true == predicted, blocks, glyphs))
        rows.append(row)
    return rows if number else []


def _heat(images: int, diagonal: bool, blocks: Blocks) -> Style | None:
    largest = blocks.largest_diagonal if diagonal else blocks.largest_off_diagonal
    if not images or not largest:
        return None
    return (_RIGHT if diagonal else _WRONG)[min(2, images * 3 // (largest + 1))]


def _shade(images: int, diagonal: bool, blocks: Blocks, glyphs: Glyphs) -> tuple[str, Style]:
    largest = blocks.largest_diagonal if diagonal else blocks.largest_off_diagonal
    if not images or not largest:
        return (f"{glyphs.dot} ", FAINT)
    shade = glyphs.shades[1 + min(3, images * 4 // (largest + 1))]
    return shade * 2, STRONG if glyphs.ascii and diagonal else GOOD if diagonal else WARN
