"""The console's memory and open files while a long run is played to it a thousand times as fast, in a pseudo-terminal.

    python -m benchmarks.soak [EPOCHS]

An epoch has a hundred ticks, a second from one to the next; 1,000 epochs are 29 hours and take two minutes.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.made_history import NAME, events
from benchmarks.terminal import BRAILLE, CONSOLE, Terminal, load
from engine.journal.events import RunEnded
from tests.tui.made_runs import make_run

EPOCHS, TICKS, SPEED, EVERY = 1000, 100, 1000, 2.0


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else EPOCHS
    with tempfile.TemporaryDirectory() as folder:
        end = RunEnded(outcome="finished", reason="", epoch=epochs, best=88.0, best_epoch=9, exit_code=0)
        run = make_run(Path(folder), NAME, [*events(epochs, TICKS), end])
        hours = epochs * (TICKS + 5) / 3600
        times, memory, files = watch(folder, hours * 3600 / SPEED)
    half = len(times) // 2
    slope = np.polyfit(times[half:], memory[half:], 1)[0] / SPEED * 3600
    print(f"{run.path.name}: {hours:.0f} hours of a run in {times[-1]:.0f} s; {load()}")
    print(f"memory      {memory[0]:.1f} MB at first, {max(memory):.1f} at most, {memory[-1]:.1f} at last")
    print(f"            {slope:+.3f} MB for an hour of the run, over its second half")
    print(f"open files  {files[0]} at first, {max(files)} at most, {files[-1]} at last")


def watch(runs: str, seconds: float) -> tuple[list[float], list[float], list[int]]:
    """Return the times of the samples in seconds, the resident memory in MB, and the open file descriptors."""
    times, memory, files = [], [], []
    with Terminal([CONSOLE, "attach", NAME, "--runs", runs, "--replay", str(SPEED)]) as terminal:
        terminal.record(15, until=BRAILLE)
        console, began = psutil.Process(terminal.pid), time.monotonic()
        while time.monotonic() - began < seconds:
            terminal.record(EVERY)
            del terminal.chunks[:-200]
            times.append(time.monotonic() - began)
            memory.append(console.memory_info().rss / 1e6)
            files.append(console.num_fds())
        if terminal.ended():
            raise SystemExit(f"the console ended; the screen:\n{terminal.screen()}")
    return times, memory, files


if __name__ == "__main__":
    main()
