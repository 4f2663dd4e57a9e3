"""Runs with judged validation images, and predictions, on pictures that are really there."""

from collections.abc import Sequence
from pathlib import Path

import made_outliers
import made_runs

from engine.analysis.predictions import Judged, beside, write_judged, write_probabilities
from engine.analysis.scoring import score
from engine.journal.events import ConfusionMatrix, Event, PredictionWritten
from engine.run.directory import RunDir

CLASSES = ("bird", "cat", "dog")
CELLS = [(0, 0, 6), (0, 1, 3), (0, 2, 1), (1, 0, 1), (1, 1, 9), (2, 1, 4), (2, 2, 6)]


def events(epoch: int = 2, cells: Sequence[tuple[int, int, int]] = CELLS) -> list[Event]:
    """A run of three classes whose newest matrix is ``cells``, its best epoch 2."""
    matrix = ConfusionMatrix(epoch=epoch, classes=3, cells=list(cells), path="confusion_matrix.png")
    history = [one for one in made_runs.history(epoch, peak=2) if not isinstance(one, ConfusionMatrix)]
    return [made_runs.started(), made_runs.scanned(CLASSES), *history, matrix]


def judge(run: RunDir, data: Path) -> Path:
    """Write ``validation.csv`` for ``CELLS`` with a picture for each image."""
    made_outliers.make_pictures(data, CLASSES, 10)
    judged = []
    for true, name in enumerate(CLASSES):
        predicted = [there for row, there, images in CELLS if row == true for _ in range(images)]
        judged += [
            Judged(str(data / name / f"{place:04d}.png"), name, CLASSES[there], 0.5 + place / 25)
            for place, there in enumerate(predicted)
        ]
    write_judged(run.validation, judged)
    return data


def score_test(run: RunDir, test: Path) -> None:
    """Score 15 labelled test images, two of them wrong, with a picture for each."""
    made_outliers.make_pictures(test, CLASSES, 5)
    judged = [
        Judged(
            str(test / name / f"{place:04d}.png"), name, CLASSES[(true + (true > 0 and place > 3)) % 3], 0.9
        )
        for true, name in enumerate(CLASSES)
        for place in range(5)
    ]
    write_judged(run.tested, judged)
    found = score(judged, list(CLASSES), epoch=2, predicted=15, labelled=15)
    assert found is not None
    made_runs.append(run, [PredictionWritten(path="prediction.csv", rows=15, epoch=2), found])


def predict(run: RunDir, test: Path, images: int = 12, *, known: bool = True) -> None:
    """Write a prediction of ``images`` pictures in ``test``, ``known``: with its probabilities."""
    made_outliers.make_pictures(test.parent, [test.name], images)
    run.recipe.write_text(f'[data]\ntest = "{test}"\n')
    names = [f"{place:04d}" for place in range(images)]
    shares = [_shares(place) for place in range(images)]
    labels = [CLASSES[max(range(3), key=one.__getitem__)] for one in shares]
    rows = "".join(f"{name},{label}\n" for name, label in zip(names, labels, strict=True))
    run.prediction.write_text("image_name,pred_label\n" + rows)
    if known:
        write_probabilities(beside(run.prediction), zip(names, labels, shares, strict=True), list(CLASSES))


def _shares(place: int) -> tuple[float, float, float]:
    sure = 0.4 + 0.05 * (place * 7 % 12)
    rest = (1 - sure) / 2
    return tuple(sure if index == place % 3 else rest for index in range(3))  # type: ignore[return-value]
