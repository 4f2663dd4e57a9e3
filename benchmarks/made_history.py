"""A run of many epochs in a journal, as an engine writes it."""

from collections.abc import Iterator
from pathlib import Path

from engine.journal.events import ConfusionMatrix, EpochEnded, EpochStarted, Event, Step
from engine.run.directory import RunDir
from tests.tui.made_runs import beginning, history, make_run, matrix

NAME = "20261124-040821-tf_efficientnet_lite0"
STEPS = 103


def steps(epoch: int, count: int, total: int = STEPS) -> Iterator[Step]:
    """Yield ``count`` ticks spread over an epoch of ``total`` steps."""
    for number in range(1, count + 1):
        done = number * total // count
        yield Step(
            epoch=epoch,
            step=done,
            steps=total,
            loss=1.9 - 0.5 * done / total,
            train_acc=40 + 10.0 * done / total,
            images_per_s=200 + done % 17,
            eta=900.0 - done,
        )


def events(epochs: int, ticks: int) -> Iterator[Event]:
    """Yield the start and ``epochs`` whole epochs: a confusion matrix in each, ``ticks`` steps in each."""
    yield from beginning(epochs=2 * epochs, patience=1000)
    for event in history(epochs, total=2 * epochs, patience=1000, every=40):
        if isinstance(event, ConfusionMatrix):  # one comes before each epoch's end anyhow
            continue
        if isinstance(event, EpochEnded):
            yield matrix(event.epoch)
        yield event
        if isinstance(event, EpochStarted):
            yield from steps(event.epoch, ticks)


def run_under_way(runs: Path, epochs: int, ticks: int = 0) -> RunDir:
    """Make a run in the middle of the epoch after ``epochs``."""
    under_way = [
        EpochStarted(epoch=epochs + 1, epochs=2 * epochs, lr=1e-4, steps=STEPS),
        *steps(epochs + 1, 40, STEPS),
    ]
    return make_run(runs, NAME, [*events(epochs, ticks), *under_way[:30]])


def best_of(epochs: int) -> float:
    """Return the best validation accuracy of such a run."""
    return max(event.val_acc for event in history(epochs) if isinstance(event, EpochEnded))
