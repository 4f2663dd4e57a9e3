"""Outlier stages as a journal tells of them, on pictures that are really there."""

from collections.abc import Sequence
from pathlib import Path

import made_runs
from PIL import Image

from engine.journal.events import (
    AutoencoderEpoch,
    Event,
    OutlierExcluded,
    OutlierProgress,
    OutliersDone,
    StageStarted,
    ThresholdSet,
)

CLASSES = ("bird", "cat", "dog")
THRESHOLD = 0.02


def make_pictures(data: Path, classes: Sequence[str] = CLASSES, each: int = 10) -> Path:
    """Write a training folder of small pictures, no two of one colour."""
    for number, name in enumerate(classes):
        (data / name).mkdir(parents=True)
        for place in range(each):
            ground = (40 + 70 * number, 20 * place, 200 - 20 * place)
            picture = Image.new("RGB", (48, 36), ground)
            picture.paste((250, 250, 250), (4 * place, 8, 4 * place + 12, 28))
            picture.save(data / name / f"{place:04d}.png")
    return data


def begun(data: Path) -> list[Event]:
    return [
        *made_runs.beginning(outliers="autoencoder", data=str(data)),
        StageStarted(stage="finding outliers"),
    ]


def judged(name: str, each: int = 10, out: int = 2, like: str = "", **changes: object) -> ThresholdSet:
    """A class whose last ``out`` files are over the threshold, each by more than the one before."""
    errors = [0.004 + 0.001 * (place % 7) for place in range(each - out)]
    errors += [THRESHOLD * (1.25 + 0.5 * place) for place in range(out)]
    fields: dict[str, object] = {
        "class_name": name, "threshold": THRESHOLD, "largest_val_error": 0.012, "relaxed": False, "images": each,
        "first_threshold": THRESHOLD, "files": [f"{place:04d}.png" for place in range(each)], "errors": errors,
        "flagged": list(range(each - out, each)), "looks_like": [like] * out,
    }  # fmt: skip
    return ThresholdSet(**(fields | changes))  # type: ignore[arg-type]


def left_out(data: Path, verdict: ThresholdSet, action: str = "exclude") -> list[OutlierExcluded]:
    """The events of all that ``verdict`` flags."""
    return [
        OutlierExcluded(
            class_name=verdict.class_name, path=str(data / verdict.class_name / verdict.files[place]),
            error=verdict.errors[place], threshold=verdict.threshold, action=action, looks_like=like,
        )
        for place, like in zip(verdict.flagged, verdict.looks_like, strict=True)
    ]  # fmt: skip


def reading(data: Path) -> list[Event]:
    return [*begun(data), OutlierProgress(done=118, total=206)]


def midway(data: Path) -> list[Event]:
    """The first class is judged, the second being learned."""
    bird = judged("bird", like="cat")
    epoch = AutoencoderEpoch(
        class_name="cat", class_index=2, classes=len(CLASSES), epoch=11, epochs=30, loss=0.01234
    )
    return [*begun(data), bird, *left_out(data, bird), epoch]


def done(data: Path, *, each: int = 10, action: str = "exclude") -> list[Event]:
    """The stage is over and an epoch has begun: 1 of bird is left out, 3 of cat, 2 of dog."""
    verdicts = [
        judged("bird", each, 1),
        judged("cat", each, 3, like="dog"),
        judged("dog", each, 2, note="no validation images: the percentile stands"),
    ]
    events = list(begun(data))
    for verdict in verdicts:
        events += [verdict, *left_out(data, verdict, action)]
    return [*events, OutliersDone(excluded=6, images=3 * each), *made_runs.history(2)]


def many(data: Path, number: int) -> list[Event]:
    """``number`` images of one class left out, of twice as many."""
    verdict = judged("cat", 2 * number, number)
    return [*begun(data), verdict, *left_out(data, verdict), OutliersDone(excluded=number, images=2 * number)]
