"""The score of predictions for test images with labels."""

from collections.abc import Sequence
from heapq import nlargest
from math import fsum

from engine.analysis.confusion import Matrix, judged_cells
from engine.analysis.predictions import Judged
from engine.analysis.stats import wilson
from engine.journal.events import MOST_CELLS, PredictionScored
from engine.run.train_state import Cells


def macro_f1(cells: Cells, classes: int) -> float:
    """Return the mean F1 score, in percent, of all classes that an image has or was predicted as; 0 for no image.

    The same as ``sklearn.metrics.f1_score(average="macro", zero_division=0)``.
    """
    known = [rates.f1 for rates in Matrix.of(cells, classes).rates() if rates.f1 is not None]
    return 100 * fsum(known) / len(known) if known else 0.0


def score(
    judged: Sequence[Judged], classes: list[str], *, epoch: int, predicted: int, labelled: int
) -> PredictionScored | None:
    """Return the score of ``judged``, the predictions for images with a label; None if there are none.

    ``epoch`` is that of the weights, ``predicted`` the number of all predicted images, ``labelled`` that of all images
    with a label, read or not.
    """
    if not judged:
        return None
    cells = judged_cells(judged, classes)
    correct = sum(one.label == one.predicted for one in judged)
    low, high = wilson(correct, len(judged))
    return PredictionScored(
        epoch=epoch,
        images=len(judged),
        unlabelled=predicted - len(judged),
        unread=labelled - len(judged),
        correct=correct,
        acc=100 * correct / len(judged),
        acc_low=low,
        acc_high=high,
        macro_f1=macro_f1(cells, len(classes)),
        classes=len(classes),
        cells=cells
        if len(cells) <= MOST_CELLS
        else sorted(nlargest(MOST_CELLS, cells, key=lambda cell: cell[2])),
        path="",
    )
