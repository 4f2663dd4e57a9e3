"""What the journal and the look for commands take from training.

First each call by itself, and from these the bound at a run's rate of steps. Then real training of a network
so small that its steps are the shortest there are: the time spent in the calls, as cold as they are there,
and steps with the journal and the look, and without, in turn.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from engine.control.commands import Spool
from engine.control.run_control import Request, RunControl
from engine.data.images import scan
from engine.data.loading.pool import Pool, worker_count
from engine.journal.events import EpochEnded, EpochStarted, Event, Step
from engine.journal.log import JournalWriter
from engine.journal.state import OutlierStage
from engine.outliers.files.acting import OutlierActions
from engine.recipe.recipe import load_recipe
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace
from engine.training.setup import Training
from tests.made_data import make_pictures, make_run
from tests.tui.made_runs import history

TICKS_PER_SECOND = 10
EPOCHS, WARM_UP = 8, 1
SETTINGS = (
    f"train.epochs={EPOCHS + WARM_UP}", "train.checkpoint_every=1000", "schedule.patience=1000",
    "train.checkpoint_minutes=0", "optim.lr=1e-6",
)  # fmt: skip
STEP = Step(epoch=1, step=41, steps=103, loss=1.2345, train_acc=51.2, images_per_s=213.7, eta=1015.0)


class Switch(RunControl):
    """Journal and look for commands, on for every other step. Times each step up to the next one."""

    def __init__(self, run: RunDir) -> None:
        self.journal = JournalWriter(run.journal)
        self.disk = DiskSpace(run.path, self.journal.append_all)
        super().__init__(Spool(run.commands), self.emit, self.disk)
        self._on = True
        self._epoch = self._done = 0
        self._last = (0, 0, 0.0, 0.0)
        self.steps: dict[int, list[tuple[bool, float, float]]] = {}
        """By epoch: whether on, seconds, seconds of the processor in the training thread."""
        self.in_steps = self.in_epochs = 0.0
        """Seconds in the look and the events of the steps that are on; in the events of an epoch's ends."""

    def emit(self, *events: Event) -> None:
        started = time.perf_counter()
        for event in events:
            if isinstance(event, EpochStarted):
                self._epoch, self._done = event.epoch, 0
        if not all(isinstance(event, Step) for event in events):
            self.journal.append_all(*events)
            self.in_epochs += time.perf_counter() - started
        elif self._on:
            self.journal.append_all(*events)
            self.in_steps += time.perf_counter() - started

    def requests(self) -> Iterator[Request]:
        epoch, done = self._epoch, self._done
        self._done += 1  # one call before each step, and then one before each batch of the validation
        now = (epoch, done, time.perf_counter(), time.thread_time())
        if now[:2] == (self._last[0], self._last[1] + 1) and done > 1:
            timed = (self._on, now[2] - self._last[2], now[3] - self._last[3])
            self.steps.setdefault(epoch, []).append(timed)
        self._last = now
        # On, off, off, on: a load that grows or falls meanwhile takes from both alike.
        self._on = done % 4 in (0, 3)
        if self._on:
            started = time.perf_counter()
            yield from super().requests()
            self.in_steps += time.perf_counter() - started


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
    pictures = make_pictures(folder / "pictures", train=160, val=4, test=0)
    run = make_run(folder / "runs", pictures, *SETTINGS)
    recipe = load_recipe(run.recipe)
    switch = Switch(run)
    data = scan(recipe.data, recipe.train.seed, run.split)
    pool = Pool(worker_count(recipe.data.workers))
    outliers = OutlierActions(run, recipe, OutlierStage(), switch.journal.append, switch.disk)
    training = Training(run, recipe, data, switch, switch.disk, switch.emit, set(), pool, outliers)
    try:
        training.prepare(lambda *_: None, resume=False)
        training.run(lambda *_: None, predicted=False)
    finally:
        training.close()
        pool.close()
    return switch


def ratios(switch: Switch, column: int) -> list[float]:
    """Return for each epoch the median step with by the median step without."""
    middle = {
        on: [
            statistics.median(step[column] for step in steps if step[0] is on)
            for epoch, steps in switch.steps.items()
            if epoch > WARM_UP
        ]
        for on in (True, False)
    }
    return [on / off for on, off in zip(middle[True], middle[False], strict=True)]


def main() -> None:
    torch.set_num_threads(1)  # on a machine that others use, two threads wait for each other most of the time
    folder = Path(tempfile.mkdtemp())
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    try:
        look, append, synced = calls(folder)
        print(f"look for commands {look * 1e6:.1f} µs, step's event {append * 1e6:.1f} µs", end="")
        print(f", synced event {synced * 1e3:.2f} ms", flush=True)
        started = time.perf_counter()
        switch = train(folder)
        taken = time.perf_counter() - started
    finally:
        shutil.rmtree(folder)
    timed = [step for epoch, steps in switch.steps.items() if epoch > WARM_UP for step in steps]
    rate = 1 / statistics.median(step[1] for step in timed)
    for steps in (rate, 100.0):
        bound = steps * look + TICKS_PER_SECOND * append
        print(
            f"bound at {steps:.0f} steps/s, {TICKS_PER_SECOND} events/s: {100 * bound:.3f} % (goal: at most 1)"
        )
    in_steps = sum(step[1] for steps in switch.steps.values() for step in steps if step[0])
    epochs = EPOCHS + WARM_UP
    print(f"in the calls of real steps: {100 * switch.in_steps / in_steps:.3f} % of their time", end="")
    print(f", of an epoch's end: {1000 * switch.in_epochs / epochs:.2f} ms of {taken / epochs:.2f} s")
    for name, column in (("wall", 1), ("processor", 2)):
        found = ratios(switch, column)
        print(
            f"{name} time of a step with / without: {statistics.median(found):.4f} "
            f"({min(found):.4f} to {max(found):.4f}, {len(found)} epochs, {len(timed)} steps)"
        )
    print(f"load {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
