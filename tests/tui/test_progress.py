"""The row of progress while outliers are looked for: the time left."""

from collections.abc import Callable

import made_outliers
import made_runs
from watching import shows

from engine.journal.events import (
    AutoencoderEpoch,
    DatasetScanned,
    Event,
    OutlierProgress,
    RunStarted,
    StageStarted,
)
from engine.run.directory import RunDir
from tui.app import ConsoleApp

CLASSES = ["ant", "bird", "cat", "dog"]
SECONDS = 60.0
"""Since the stage began."""


def started(attempt: int) -> RunStarted:
    return made_runs.started(attempt=attempt, outliers="autoencoder", resumed_epoch=attempt - 1)


def stage(*judged: str) -> list[Event]:
    """An earlier attempt that has judged some classes, and one more that has begun the stage SECONDS ago."""
    scanned = DatasetScanned(classes=CLASSES, train_images=40, val_images=40, test_images=0, split="folders")
    earlier: list[Event] = [started(1), StageStarted(stage="finding outliers"), scanned]
    earlier += [made_outliers.judged(name) for name in judged]
    begun = StageStarted(stage="finding outliers", t=made_runs.START + 100)
    return [*earlier, started(2), scanned, begun]


def epoch(index: int, number: int) -> AutoencoderEpoch:
    return AutoencoderEpoch(
        class_name=CLASSES[index - 1], class_index=index, classes=4, epoch=number, epochs=30, loss=0.1
    )


async def left_of(
    make: Callable[..., RunDir], console: Callable[..., ConsoleApp], events: list[Event], *said: str
) -> None:
    run = make(events, alive=True)
    now = made_runs.START + 100 + SECONDS
    async with console(run, clock=lambda: now).run_test(size=(120, 40)) as pilot:
        await shows(pilot, *said)


async def test_half_a_class_a_minute_in_a_resumed_stage(
    make: Callable[..., RunDir], console: Callable[..., ConsoleApp]
) -> None:
    events = [*stage("ant", "bird"), epoch(3, 15)]
    await left_of(make, console, events, "class 3/4", "epoch 15/30", "3:00 left")


async def test_a_class_and_a_half(make: Callable[..., RunDir], console: Callable[..., ConsoleApp]) -> None:
    events = [*stage("ant", "bird"), made_outliers.judged("cat"), epoch(4, 15)]
    await left_of(make, console, events, "class 4/4", "0:20 left")


async def test_before_this_attempt_has_judged_one_its_reading_tells(
    make: Callable[..., RunDir], console: Callable[..., ConsoleApp]
) -> None:
    events = [*stage("ant", "bird"), OutlierProgress(done=20, total=80)]
    await left_of(make, console, events, "image 20/80", "3:00 left")


async def test_nothing_done_yet(make: Callable[..., RunDir], console: Callable[..., ConsoleApp]) -> None:
    await left_of(make, console, stage("ant", "bird"), "class 2/4", "? left")
