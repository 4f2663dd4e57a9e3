"""Run folders whose figures, recipes and judged images are known, for comparisons."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.analysis.predictions import Judged, write_judged
from engine.analysis.scoring import score
from engine.journal.events import (
    DatasetScanned,
    EpochEnded,
    EpochStarted,
    Event,
    PredictionScored,
    PredictionWritten,
    RunStarted,
    encode_line,
)
from engine.recipe.recipe import load_recipe
from engine.run.directory import RunDir

CLASSES = ("bird", "cat", "dog")
IMAGES = 100


def make_run(
    runs: Path,
    name: str,
    accuracies: Sequence[float],
    *settings: str,
    right: Sequence[int] | None = None,
    folder: str = "/data/val",
    seconds: float = 60.0,
    test: Sequence[int] | None = None,
    test_folder: str = "/data/test",
) -> RunDir:
    """Create a run with an epoch for each of ``accuracies`` (percent); ``right``: which of ``IMAGES`` images are.

    ``test`` is the same of its test images.

    Without ``right`` there is no validation.csv, and no interval in the journal, as in runs of older versions.
    """
    recipe = load_recipe("quick", [f"data.train={runs}", *settings])
    run = RunDir.create(runs, name, recipe.model.name, recipe.to_toml())
    events: list[Event] = [started(name, len(accuracies))]
    events.append(
        DatasetScanned(
            classes=list(CLASSES), train_images=300, val_images=IMAGES, test_images=0, split="folders"
        )
    )
    best, best_epoch = -1.0, 0
    for epoch, accuracy in enumerate(accuracies, 1):
        better = accuracy > best
        best, best_epoch = (accuracy, epoch) if better else (best, best_epoch)
        lr = 5e-4 * 0.8 ** (epoch // 4)
        events.append(EpochStarted(epoch=epoch, epochs=len(accuracies), lr=lr, steps=10))
        events.append(ended(epoch, accuracy, best=best, best_epoch=best_epoch, lr=lr, seconds=seconds))
    if test is not None:
        sure = judged(test, test_folder)
        write_judged(run.tested, sure)
        found = score(sure, list(CLASSES), epoch=best_epoch, predicted=len(sure), labelled=len(sure))
        assert found is not None
        events += [PredictionWritten(path="prediction.csv", rows=len(sure), epoch=best_epoch), found]
    with run.journal.open("wb") as file:
        for seq, event in enumerate(events, 1):
            file.write(encode_line(msgspec.structs.replace(event, seq=seq, t=1_800_000_000.0 + seq)))
    if right is not None:
        write_judged(run.validation, judged(right, folder))
    return run


def ended(
    epoch: int,
    accuracy: float,
    *,
    best: float = 50.0,
    best_epoch: int,
    lr: float = 5e-4,
    seconds: float = 60.0,
) -> EpochEnded:
    return EpochEnded(
        epoch=epoch, lr=lr, train_acc=min(99.0, accuracy + 3), train_loss=2 - accuracy / 60, val_acc=accuracy,
        val_loss=round(2.2 - accuracy / 60, 5), new_best=best_epoch == epoch, best=best, best_epoch=best_epoch,
        counter=0, patience=9, epochs_to_stop=9, next_lr=lr, images_per_s=100, seconds=seconds,
    )  # fmt: skip


def judged(right: Sequence[int], folder: str = "/data/val") -> list[Judged]:
    """Return the word on ``IMAGES`` images, of which those of the numbers in ``right`` were taken for what they are."""
    known = set(right)
    found = []
    for number in range(IMAGES):
        label, wrong = CLASSES[number % 3], CLASSES[(number + 1) % 3]
        path = f"{folder}/{label}/{number}.jpg"
        found.append(Judged(path, label, label if number in known else wrong, 0.7))
    return found


def scored(*, correct: int, images: int, epoch: int = 1, unlabelled: int = 0) -> PredictionScored:
    """Return the score of a prediction that has the first ``correct`` images of the first class right."""
    found = score(
        [Judged(f"{number}", "bird", "bird" if number < correct else "cat", 0.7) for number in range(images)],
        list(CLASSES), epoch=epoch, predicted=images + unlabelled, labelled=images,
    )  # fmt: skip
    assert found is not None
    return found


def started(name: str, epochs: int, *, resumed_epoch: int = 0) -> RunStarted:
    return RunStarted(
        attempt=1, host="node7", pid=1, version="0.1.0", name=name, model="tf_efficientnet_lite0", data="/data/train",
        epochs=epochs, batch_size=16, train_size=128, val_size=128, lr=5e-4, schedule="counter", factor=0.6, every=2,
        patience=9, monitor="val_acc", mixup_alpha=0.0, outliers="none", seed=0, resumed_epoch=resumed_epoch,
    )  # fmt: skip
