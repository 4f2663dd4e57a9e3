"""The confusion explorer's sentences and rows."""

from pathlib import Path

from rich.cells import cell_len
from rich.text import Text

from engine.analysis.confusion import Matrix, Norm, Pair, Rates
from engine.analysis.predictions import Judged
from engine.core.text import count
from tui.widgets.look import BAD, FAINT, GOOD, KEY, MUTED, PLAIN, STRONG, Glyphs, styled
from tui.widgets.wrapping import wrap

NORM_WORDS: dict[Norm, str] = {
    "counts": "images",
    "row": "% of the true class",
    "column": "% of the predicted class",
}
SHOWN_WORDS = {"newest": "", "best": "best ", "test": "test images, "}
_LABEL = 10
_RATES = {"precision": " prec.", "recall": "recall", "f1": "   f1"}
_WITH_IMAGES = 44


def heading(matrix: Matrix, what: str, norm: Norm, width: int, glyphs: Glyphs) -> Text:
    """The first row: which matrix, how much of it is wrong, and what its numbers are."""
    row = styled("confusion ", KEY).append(what, STRONG)
    row.append(f" {glyphs.dot} {matrix.wrong:,} of {matrix.images:,} wrong", MUTED)
    said = NORM_WORDS[norm]
    if width - row.cell_len - 2 >= len(said):
        row.append(" " * (width - 2 - row.cell_len - len(said))).append(said, MUTED)
    return row


def caption(names: list[str], true: int, predicted: int, width: int) -> list[Text]:
    """The whole names of the cell's classes: in one row, or each in as many as it takes."""
    pairs = (("true", names[true]), ("predicted", names[predicted]))
    if _one_row(names) <= width:
        row = Text()
        for label, name in pairs:
            row.append("  " if row else "").append(f"{label} ", FAINT).append(name, STRONG)
        return [row]
    rows: list[Text] = []
    for label, name in pairs:
        for number, piece in enumerate(wrap(name, width - _LABEL)):
            rows.append(styled(("" if number else label).ljust(_LABEL), FAINT).append(piece, STRONG))
    return rows


def caption_height(names: list[str], width: int) -> int:
    """Return how many rows the longest caption takes, up to 6: then the matrix stays where it is."""
    if _one_row(names) <= width:
        return 1
    return min(6, 2 * max(len(wrap(name, width - _LABEL)) for name in names))


def _one_row(names: list[str]) -> int:
    return 2 * max(map(cell_len, names), default=0) + len("true   predicted ")


def cell_words(matrix: Matrix, true: int, predicted: int) -> str:
    """A cell's images and their shares: ``2 = 40.0 % of row, 15.4 % of column``."""
    row, column = matrix.share(true, predicted, "row"), matrix.share(true, predicted, "column")
    shares = [
        f"{share * 100:.1f} % of {whole}"
        for share, whole in ((row, "row"), (column, "column"))
        if share is not None
    ]
    return " = ".join(
        [f"{matrix.cells.get((true, predicted), 0):,}", *([", ".join(shares)] if shares else [])]
    )


def cell_title(true: str, predicted: str, width: int) -> str:
    """The title of a cell's picture; of names that don't fit, which the caption has whole, only what became of it."""
    right = true == predicted
    whole = f"{true}, right" if right else f"{true} taken for {predicted}"
    return whole if cell_len(whole) <= width else "right" if right else "taken for another class"


def image_row(one: Judged, here: bool, width: int, glyphs: Glyphs) -> Text:
    """``97.3 %  0312.jpg``: how sure the model was of what it took the image for."""
    sure = f"{one.probability * 100:5.1f} %  "
    name = glyphs.cut_start(glyphs.clean(Path(one.path).name), width - len(sure))
    return styled(sure, GOOD if one.label == one.predicted else BAD).append(name, STRONG if here else PLAIN)


def pair_row(pair: Pair, both: bool, here: bool, names: list[str], width: int, glyphs: Glyphs) -> Text:
    """``cat → dog  5`` with the other direction's number behind it, or ``cat, dog  8 = 5 + 3``."""
    number = f" {pair.both} = {pair.forth} + {pair.back}" if both else f" {pair.forth}"
    aside = "" if both else f"  back {pair.back}"
    middle = " & " if both else f" {glyphs.arrow} "
    room = width - len(number) - len(aside) - len(middle)
    true, predicted = names[pair.true], names[pair.predicted]
    half = max(4, room // 2)
    left = min(cell_len(true), max(half, room - cell_len(predicted)))
    right = max(4, room - left)
    row = styled(glyphs.cut(true, left), STRONG if here else PLAIN).append(middle, FAINT)
    row.append(glyphs.cut(predicted, right), STRONG if here else PLAIN)
    row.append(" " * max(0, width - row.cell_len - len(number) - len(aside)))
    return row.append(number, BAD).append(aside, MUTED)


def rates_row(name: str, rates: Rates, here: bool, width: int, glyphs: Glyphs) -> Text:
    """A class and its rates in percent, a dash where there is none; its images where there is room."""
    values = (rates.precision, rates.recall, rates.f1)
    numbers = "".join(
        f"{'-' if value is None else f'{value * 100:.1f}':>{len(head) + 1}}"
        for value, head in zip(values, _RATES.values(), strict=True)
    )
    numbers += f"{rates.images:>7,}" if width >= _WITH_IMAGES else ""
    return styled(glyphs.fit(name, width - len(numbers)), STRONG if here else PLAIN).append(numbers, PLAIN)


def rates_head(order: str, width: int) -> str:
    """The head over ``rates_row`` of so many cells, what the classes are sorted by in capitals."""
    heads = {"class": "class", **_RATES, **({"images": "images"} if width >= _WITH_IMAGES else {})}
    first, *others = (head.upper() if name == order else head for name, head in heads.items())
    said = "".join(f" {head}" for head in others)
    return f"  {first.ljust(max(0, width - len(said)))}{said}"


def no_pictures(names: tuple[str, str], images: int, problem: str) -> str:
    """Say why a cell has no pictures."""
    if problem:
        return problem
    if images:
        return (
            f"none of the best weights' images are here: the {count(images, 'image')} of this matrix "
            "are of another epoch; w shows the best weights' matrix"
        )
    true, predicted = names
    return f"no image of {true} was {'recognised' if true == predicted else f'taken for {predicted}'}"


def nothing(width: int) -> list[Text]:
    """Say why there is no matrix."""
    rows = [styled(piece, STRONG) for piece in wrap("no confusion matrix yet", width)]
    more = "it comes when the first epoch has been validated; esc goes back"
    return rows + [styled(piece, MUTED) for piece in wrap(more, width)]
