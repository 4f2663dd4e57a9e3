"""1,000 epochs of a tiny network with a console attached: memory, files and threads of both, and what is on the disk.

    python -m benchmarks.engine_soak [EPOCHS]

The slope of the memory is that of a line through the means of ten equal parts of the run, its first tenth left out;
the interval is that of Student's t: single samples of one process say too much alike for one.
"""

import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from benchmarks.terminal import CONSOLE, Terminal, load
from engine.analysis.stats import t_quantile
from engine.journal.events import AnyEvent, EpochEnded, EpochStarted, RunEnded
from engine.journal.log import JournalReader
from tests.made_data import make_pictures, make_run
from tui.spawn import start_engine

EPOCHS, EVERY, PARTS = 1000, 0.5, 10
_SHOWN = re.compile(rb"epoch")
SETTINGS = ("data.workers=1", "data.batch_size=4", "schedule.patience=100000", "mixup.alpha=0.2")


@dataclass
class Samples:
    """A process (and those it has started) over a run: memory in MB, files and threads, at which epoch."""

    epochs: list[int] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def take(self, process: psutil.Process, epoch: int) -> None:
        family = [process, *process.children()]
        memory = sum(one.memory_info().rss for one in family) / 1e6
        files, threads = process.num_fds(), process.num_threads()
        self.epochs.append(epoch)
        self.memory.append(memory)
        self.files.append(files)
        self.threads.append(threads)

    def slope(self) -> tuple[float, float]:
        """MB in 1,000 epochs, and half the width of its 95 % interval."""
        epochs, memory = np.array(self.epochs), np.array(self.memory)
        settled = epochs >= epochs[-1] / PARTS
        x, y = (
            np.array([part.mean() for part in np.array_split(values[settled], PARTS)])
            for values in (epochs, memory)
        )
        x = x - x.mean()
        slope = float(x @ y / (x @ x))
        rest = y - y.mean() - slope * x
        error = float(np.sqrt(rest @ rest / (PARTS - 2) / (x @ x)))
        return slope * 1000, error * 1000 * t_quantile(PARTS - 2)


@dataclass
class Soaked:
    """What came of it: both processes, the journal's events, the run's folder."""

    engine: Samples
    console: Samples
    events: list[AnyEvent]
    files: dict[str, int]
    """The bytes of each file of the run's folder."""
    seconds: float


def soak(folder: Path, epochs: int, every: float = EVERY) -> Soaked:
    """Train ``epochs`` epochs in ``folder`` with a console attached, and look at both ``every`` so many seconds.

    Raises SystemExit where either ends early.
    """
    data = make_pictures(folder / "data", train=4, val=2, test=0)
    run = make_run(folder / "runs", data, *SETTINGS, f"train.epochs={epochs}", name="soak")
    process, began = psutil.Process(start_engine(run)), time.monotonic()
    engine, console, reader = Samples(), Samples(), JournalReader(run.journal)
    events: list[AnyEvent] = []
    with Terminal([CONSOLE, "attach", str(run.path)]) as terminal:
        # Not until a curve is there, which is drawn every six seconds: tiny epochs may be over by then.
        terminal.record(60, until=_SHOWN)
        watching = psutil.Process(terminal.pid)
        while run.is_alive():
            terminal.record(every)
            del terminal.chunks[:-200]
            events += reader.read()
            epoch = next((event.epoch for event in reversed(events) if isinstance(event, EpochEnded)), 0)
            if terminal.ended():
                raise SystemExit(f"the console ended; the screen:\n{terminal.screen()}")
            try:
                if process.status() == psutil.STATUS_ZOMBIE:
                    break
                engine.take(process, epoch)
            except psutil.Error:  # one of its own is ending
                continue
            console.take(watching, epoch)
    events += reader.read()
    files = {
        str(file.relative_to(run.path)): file.stat().st_size for file in run.path.rglob("*") if file.is_file()
    }
    return Soaked(engine, console, events, files, time.monotonic() - began)


def consistent(events: list[AnyEvent], epochs: int) -> bool:
    """Whether the journal has no hole, every epoch once, and an end."""
    return (
        [event.seq for event in events] == list(range(1, len(events) + 1))
        and all(
            [event.epoch for event in events if isinstance(event, kind)] == list(range(1, epochs + 1))
            for kind in (EpochStarted, EpochEnded)
        )
        and isinstance(events[-1], RunEnded)
    )


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else EPOCHS
    with tempfile.TemporaryDirectory() as folder:
        soaked = soak(Path(folder), epochs)
    print(f"{epochs} epochs in {soaked.seconds:.0f} s; {load()}")
    for name, one in (("engine", soaked.engine), ("console", soaked.console)):
        slope, half = one.slope()
        print(
            f"{name:8} memory {slope:+.2f} ± {half:.2f} MB in 1,000 epochs; at last {one.memory[-1]:.0f} MB"
        )
        for what, values in (("files", one.files), ("threads", one.threads)):
            middle = values[len(values) // PARTS :]
            print(f"{'':8} {what:7} {min(middle)} to {max(middle)}, at last {values[-1]}")
    verdict = "consistent" if consistent(soaked.events, epochs) else "NOT CONSISTENT"
    print(f"journal  {len(soaked.events)} events, {verdict}")
    print(f"folder   {sum(soaked.files.values()) / 1e6:.1f} MB in {len(soaked.files)} files")
    for name, size in sorted(soaked.files.items(), key=lambda one: -one[1])[:5]:
        print(f"{'':8} {size / 1e6:.2f} MB {name}")


if __name__ == "__main__":
    main()
