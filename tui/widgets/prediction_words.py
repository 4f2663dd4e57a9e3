"""The sentences and rows of the predictions."""

from rich.style import Style
from rich.text import Text

from engine.analysis.predictions import Predicted
from engine.core.text import count
from tui.widgets.look import BAD, FAINT, GOOD, KEY, MUTED, PLAIN, STRONG, WARN, Glyphs, styled
from tui.widgets.prediction_items import Order
from tui.widgets.prediction_job import PredictionJob
from tui.widgets.wrapping import wrap

_CERTAIN, _DOUBTFUL = 0.9, 0.5
_MOST_CLASS = 40


def class_width(width: int, longest: int) -> int:
    """Return how many cells of a row the class takes."""
    return max(5, min(longest, _MOST_CLASS, (width - 9) // 2))


def image_row(row: Predicted, here: bool, label: int, width: int, glyphs: Glyphs) -> Text:
    """Probability, class, name; the end of a long name is what tells most."""
    sure = "" if row.probability is None else f"{row.probability * 100:5.1f} %  "
    text = styled(sure, _sureness(row.probability))
    text.append(glyphs.fit(glyphs.clean(row.label), label), STRONG if here else PLAIN).append("  ")
    name = glyphs.cut_start(glyphs.clean(row.name), width - text.cell_len)
    return text.append(name, STRONG if here else PLAIN)


def image_head(known: bool, label: int, glyphs: Glyphs) -> str:
    return f"  {' sure    ' if known else ''}{glyphs.fit('class', label)}  image"


def share_rows(
    shares: list[float], classes: list[str], width: int, height: int, glyphs: Glyphs
) -> list[Text]:
    """The likeliest classes of one image, each with a bar."""
    order = sorted(range(len(shares)), key=lambda index: -shares[index])[:height]
    bar = max(6, width // 3)
    label = width - bar - 9
    rows = []
    for place, index in enumerate(order):
        share = shares[index]
        full = round(share * bar)
        row = styled(glyphs.fit(glyphs.clean(classes[index]), label), STRONG if place == 0 else PLAIN)
        row.append(f"{share * 100:6.1f} % ", _sureness(share) if place == 0 else MUTED)
        rows.append(row.append(glyphs.full * full, KEY).append(glyphs.empty * (bar - full), FAINT))
    return rows


def heading(file: str, images: int, shown: int, order: Order, width: int, glyphs: Glyphs) -> Text:
    """The first row: whose rows, how many, in which order."""
    some = f"{shown:,} of {count(images, 'image')}" if shown != images else count(images, "image")
    row = styled("predictions ", KEY).append(some, STRONG)
    said = f"{order} first" if order.endswith("certain") else f"by {order}"
    room = width - 2 - row.cell_len - len(said) - 6
    row.append(f" {glyphs.dot} {glyphs.cut_start(file, max(4, room))}", MUTED)
    return row.append(" " * max(2, width - 2 - row.cell_len - len(said))).append(said, MUTED)


def under_way(job: PredictionJob, glyphs: Glyphs) -> str:
    """How far a prediction is."""
    runs = count(len(job.wish.runs), "run")
    if not job.done:
        return f"predicting with {runs}: starting{glyphs.ellipsis} c cancels"
    share = f"{job.done * 100 // max(1, job.total)} %"
    return f"predicting with {runs}: {job.done:,} of {job.total:,} ({share}); c cancels"


def nothing(problem: str, going: bool, width: int) -> list[Text]:
    """Say why there is no table, and what makes one."""
    if going:
        return [styled(piece, STRONG) for piece in wrap("the table comes when the prediction is done", width)]
    rows = [styled(piece, STRONG) for piece in wrap(problem, width)]
    more = "x predicts the test images; a run with a test folder also does so at its end"
    return rows + [styled(piece, MUTED) for piece in wrap(more, width)]


def _sureness(share: float | None) -> Style:
    return MUTED if share is None else GOOD if share >= _CERTAIN else WARN if share >= _DOUBTFUL else BAD
