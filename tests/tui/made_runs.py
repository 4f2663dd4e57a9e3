"""Run directories as an engine would have written them, with fixed times."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from engine.analysis.predictions import Judged
from engine.analysis.scoring import score
from engine.journal.events import (
    BadImage,
    CheckpointSaved,
    ConfusionMatrix,
    DatasetScanned,
    EpochEnded,
    EpochStarted,
    Event,
    LrDecayed,
    Paused,
    PredictionWritten,
    RunEnded,
    RunStarted,
    RunWarning,
    StageStarted,
    Step,
    encode_line,
)
from engine.run.directory import RunDir

START = 1_800_000_000.0
EPOCH_SECONDS = 60.0
CLASSES = ["bird", "cat", "dog", "flower", "frog", "mushroom", "snake"]
MODEL = "tf_efficientnet_lite0"


def make_run(runs: Path, name: str, events: Iterable[Event] = (), *, start: float = START) -> RunDir:
    """Create a run directory whose journal holds ``events``; those without a time come a second apart."""
    run = RunDir.create(runs, name, MODEL, "[model]\n")
    append(run, events, start=start)
    return run


def append(run: RunDir, events: Iterable[Event], *, start: float = START) -> None:
    """Write events as the next lines of the journal."""
    lines = run.journal.read_bytes().splitlines() if run.journal.exists() else []
    seq, t = len(lines), start + len(lines)
    with run.journal.open("ab") as file:
        for event in events:
            seq, t = seq + 1, event.t or t + 1.0
            file.write(encode_line(msgspec.structs.replace(event, seq=seq, t=t)))


def started(**changes: object) -> RunStarted:
    fields: dict[str, object] = {
        "attempt": 1, "host": "node7", "pid": 4711, "version": "0.1.0", "name": "r", "model": MODEL,
        "data": "/data/photos", "epochs": 30, "batch_size": 16, "train_size": 128, "val_size": 160,
        "lr": 1.5e-4, "schedule": "counter", "factor": 0.6, "every": 2, "patience": 6, "monitor": "val_acc",
        "mixup_alpha": 0.5, "outliers": "none", "seed": 1,
    }  # fmt: skip
    return RunStarted(**(fields | changes))  # type: ignore[arg-type]


def scanned(classes: Sequence[str] = CLASSES) -> DatasetScanned:
    return DatasetScanned(
        classes=list(classes), train_images=1640, val_images=410, test_images=120, split="folders"
    )


def accuracy(epoch: int) -> float:
    """A validation curve that climbs, wobbles, and levels off."""
    return round(88 - 60 * math.exp(-epoch / 3) + 1.5 * math.sin(epoch * 2.1), 2)


def matrix(epoch: int, classes: int = 7, each: int = 58) -> ConfusionMatrix:
    cells = []
    for true in range(classes):
        wrong = [
            (true, (true + step) % classes, (true * 3 + step * 5) % 7) for step in (1, 2, 4) if step < classes
        ]
        wrong = [cell for cell in wrong if cell[2] and cell[0] != cell[1]]
        cells += [*wrong, (true, true, each - sum(cell[2] for cell in wrong))]
    return ConfusionMatrix(epoch=epoch, classes=classes, cells=cells, path=f"confusion_matrix{epoch}.png")


def history(
    epochs: int, *, peak: int = 10_000, total: int = 30, classes: int = 7, patience: int = 6, every: int = 2
) -> list[Event]:
    """Whole epochs: the report's policy on the curve of ``accuracy``, which sinks after ``peak``."""
    events: list[Event] = []
    lr, best, best_epoch, counter = 1.5e-4, -1.0, 0, 0
    for epoch in range(1, epochs + 1):
        events.append(EpochStarted(epoch=epoch, epochs=total, lr=lr, steps=103))
        score = round(accuracy(min(epoch, peak)) - max(0, epoch - peak) * 0.37, 2)
        better = score > best
        best, best_epoch, counter = (score, epoch, 0) if better else (best, best_epoch, counter + 1)
        decays = counter > 0 and counter % every == 0 and counter < patience
        old, lr = lr, lr * 0.6 if decays else lr
        used = old
        events.append(
            EpochEnded(
                epoch=epoch, lr=used, train_acc=round(score * 0.62, 2), train_loss=round(2.4 - score / 60, 5),
                val_acc=score, val_loss=round(2.2 - score / 75, 5), new_best=better, best=best,
                best_epoch=best_epoch, counter=counter, patience=patience,
                epochs_to_stop=max(0, patience - counter), next_lr=lr, images_per_s=212.4, seconds=58.0,
            )
        )  # fmt: skip
        if decays:
            reason = f"{counter} epochs without a better score"
            events.append(LrDecayed(epoch=epoch + 1, old=old, new=lr, reason=reason))
        if better:
            events.append(matrix(epoch, classes))
            events.append(
                CheckpointSaved(
                    which="best", epoch=epoch, step=103, reason="new best", size=17_212_004, seconds=0.08
                )
            )
    return events


def beginning(**changes: object) -> list[Event]:
    return [started(**changes), StageStarted(stage="reading data"), scanned()]


def live(epochs: int = 14) -> list[Event]:
    """A run in the middle of the epoch after ``epochs``."""
    past = history(epochs)
    ended = [event for event in past if isinstance(event, EpochEnded)]
    return [
        *beginning(),
        *past,
        BadImage(
            path="/data/photos/train/cat/broken_0231.jpg",
            reason="truncated: 812 bytes missing",
            split="train",
        ),
        RunWarning(message="the disk has 3.1 GB left"),
        CheckpointSaved(which="last", epoch=epochs, step=103, reason="epoch", size=51_634_000, seconds=0.21),
        EpochStarted(epoch=epochs + 1, epochs=30, lr=ended[-1].next_lr, steps=103),
        Step(
            epoch=epochs + 1,
            step=41,
            steps=103,
            loss=1.2345,
            train_acc=51.2,
            images_per_s=213.7,
            eta=1015.0,
            data_wait=3.2,
        ),
    ]


def paused() -> list[Event]:
    return [*live(), Paused(epoch=15, step=41)]


def finished() -> list[Event]:
    events = [*beginning(), *history(22, peak=16)]
    last = next(event for event in reversed(events) if isinstance(event, EpochEnded))
    reason = f"{last.counter} epochs without a better score"
    end = RunEnded(
        outcome="early_stopped",
        reason=reason,
        epoch=22,
        best=last.best,
        best_epoch=last.best_epoch,
        exit_code=0,
    )
    return [*events, end]


def scored() -> list[Event]:
    """A finished run whose test images have labels, all but 12."""
    *events, end = finished()
    found = score(
        [Judged(f"{n}", CLASSES[n % 7], CLASSES[n % 7 if n % 11 else (n + 1) % 7], 0.8) for n in range(108)],
        CLASSES, epoch=16, predicted=120, labelled=108,
    )  # fmt: skip
    assert found is not None
    return [*events, PredictionWritten(path="prediction.csv", rows=120, epoch=16), found, end]


def failed() -> list[Event]:
    reason = "CUDA out of memory: tried to allocate 512.00 MiB (GPU 0; 7.79 GiB total); lower data.batch_size"
    end = RunEnded(outcome="failed", reason=reason, epoch=15, best=accuracy(10), best_epoch=10, exit_code=1)
    return [*live(), end]


STATES = {"live": live, "paused": paused, "finished": finished, "failed": failed}


def now_after(run: RunDir) -> float:
    """A clock reading shortly after the journal's last event."""
    return START + len(run.journal.read_bytes().splitlines()) + 5.0
