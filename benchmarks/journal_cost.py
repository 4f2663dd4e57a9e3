"""What the journal and the look for commands take from training.

First each call by itself, and from these the bound at a run's rate of steps. Then real training of a network
so small that its steps are the shortest there are, in turns of an epoch with both and without.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from engine.commands import Spool
from engine.controls import Controls, Steered
from engine.data.images import scan
from engine.events import EpochEnded, EpochStarted, Event, Step
from engine.journal import JournalWriter
from engine.recipe import load_recipe
from engine.rundir import RunDir
from engine.training import Training
from tests.made_data import make_pictures, make_run
from tests.tui.made_runs import history

TICKS_PER_SECOND = 10
PAIRS, WARM_UP = 8, 2
SETTINGS = (
    f"train.epochs={2 * PAIRS + WARM_UP}", "train.checkpoint_every=1000", "schedule.patience=1000",
    "optim.lr=1e-9",
)  # fmt: skip
STEP = Step(epoch=1, step=41, steps=103, loss=1.2345, train_acc=51.2, images_per_s=213.7, eta=1015.0)


class Switch(Controls):
    """Journal and look for commands; both can be switched off. Times each epoch up to its end's event."""

    def __init__(self, run: RunDir) -> None:
        super().__init__(Spool(run.commands), self.emit)
        self._journal = JournalWriter(run.journal)
        self.on = True
        self.epochs: list[tuple[bool, float, float, float]] = []
        self.marred: set[int] = set()
        self.steps = 0
        self._began = (0.0, 0.0)

    def emit(self, event: Event) -> None:
        if isinstance(event, EpochStarted):
            # On, off, off, on: a load that grows or falls meanwhile takes from both alike.
            self.on = (event.epoch - WARM_UP - 1) % 4 in (0, 3)
            self.steps = event.steps
            self._began = time.perf_counter(), time.process_time()
        if self.on:
            self._journal.append(event)
        if isinstance(event, EpochEnded):
            wall, cpu = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
            self.epochs.append((self.on, wall, cpu, event.seconds))
            if event.new_best:  # a picture was drawn, a checkpoint is being written
                self.marred.update((event.epoch, event.epoch + 1))

    def between_steps(self, run: Steered) -> None:
        if self.on:
            super().between_steps(run)


def each(call: Callable[[], object], times: int) -> float:
    """Return the median seconds of a call, from seven rounds."""

    def once() -> float:
        started = time.perf_counter()
        for _ in range(times):
            call()
        return (time.perf_counter() - started) / times

    return statistics.median(once() for _ in range(7))


def calls(folder: Path) -> tuple[float, float, float]:
    """Return the seconds of a look into the empty spool, of a step's event, and of a synced event."""
    spool, journal = Spool(folder), JournalWriter(folder / "events")
    ended = next(event for event in history(1) if isinstance(event, EpochEnded))
    found = (
        each(spool.pending, 1000),
        each(lambda: journal.append(STEP), 1000),
        each(lambda: journal.append(ended), 20),
    )
    journal.close()
    return found


def train(folder: Path) -> Switch:
    pictures = make_pictures(folder / "pictures", train=64, val=8, test=0)
    run = make_run(folder / "runs", pictures, *SETTINGS)
    recipe = load_recipe(run.recipe)
    switch = Switch(run)
    data = scan(recipe.data, recipe.train.seed, run.split)
    training = Training(run, recipe, data, switch, switch.emit, set())
    try:
        training.prepare(lambda *_: None, resume=False)
        training.run(lambda *_: None)
    finally:
        training.close()
    return switch


def ratios(switch: Switch, column: int) -> list[float]:
    """Return with / without of each two epochs that follow each other."""
    found = []
    for first in range(WARM_UP, len(switch.epochs) - 1, 2):
        if switch.marred.isdisjoint((first + 1, first + 2)):
            pair = {epoch[0]: epoch[column] for epoch in switch.epochs[first : first + 2]}
            found.append(pair[True] / pair[False])
    return found


def main() -> None:
    torch.set_num_threads(1)  # on a machine that others use, two threads wait for each other most of the time
    folder = Path(tempfile.mkdtemp())
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    try:
        look, append, synced = calls(folder)
        print(f"look for commands {look * 1e6:.1f} µs, step's event {append * 1e6:.1f} µs", end="")
        print(f", synced event {synced * 1e3:.2f} ms", flush=True)
        switch = train(folder)
    finally:
        shutil.rmtree(folder)
    rate = switch.steps / statistics.median(epoch[1] for epoch in switch.epochs[WARM_UP:])
    for steps in (rate, 100.0):
        bound = steps * look + TICKS_PER_SECOND * append
        print(
            f"bound at {steps:.0f} steps/s, {TICKS_PER_SECOND} events/s: {100 * bound:.3f} % (goal: at most 1)"
        )
    for name, column in (("wall", 1), ("processor", 2)):
        found = ratios(switch, column)
        if len(found) < 5:
            sys.exit(f"only {len(found)} pairs of epochs are left")
        print(
            f"{name} time with / without: {statistics.median(found):.4f} "
            f"({min(found):.4f} to {max(found):.4f}, {len(found)} pairs of {switch.steps} steps)"
        )
    print(f"load {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
