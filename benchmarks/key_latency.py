"""From a key to what it changes on the screen, while a run trains with all cores, in a pseudo-terminal of 120x40.

    python -m benchmarks.key_latency [DATA] [KEYS]

The run is a real one of DATA (of a few made pictures without it), the console its live view: the log and the help
are opened and closed in turn.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pyte

from benchmarks.terminal import COLUMNS, CONSOLE, ROWS, Terminal, load, spread
from tests.made_data import make_pictures

KEYS, BETWEEN, START_UP = 300, 0.35, 60.0
"""How many keys; seconds from one to the next; seconds that the first epoch may take to begin."""

TURNS = (
    (b"l", "E engine.log", True),
    (b"l", "E engine.log", False),
    (b"?", "─ help", True),
    (b"q", "─ help", False),
)
"""The key, and the words that come with it (True) or go."""


def main() -> None:
    data = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    count = int(sys.argv[2]) if len(sys.argv) > 2 else KEYS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = data or make_pictures(folder / "data", train=40, val=20, test=4)
        train = ["train", str(data), "--recipe", "quick", "--name", "run", "--runs", "runs", "--detach"]
        epochs = ["--set", "train.epochs=10000", "--set", "schedule.patience=10000"]
        subprocess.run([CONSOLE, *train, *epochs], cwd=folder, check=True, capture_output=True)
        try:
            seconds, busy = measure(folder, count)
        finally:
            subprocess.run([CONSOLE, "send", "runs/run", "stop"], cwd=folder, check=True, capture_output=True)
            await_end(folder / "runs" / "run")
    print(f"from a key to the screen  {spread(seconds)}")
    print(f"p99                       {statistics.quantiles(seconds, n=100)[98]:.3f} s (goal: at most 0.1)")
    print(f"both cores were busy      {busy:.0f} % of the time; {load()}")


def measure(folder: Path, count: int) -> tuple[list[float], float]:
    """Return the seconds of each key, and how busy the machine's cores were, in percent."""
    pressed = []
    with Terminal([CONSOLE, "attach", str(folder / "runs" / "run")]) as terminal:
        deadline = time.monotonic() + START_UP
        while time.monotonic() < deadline and "TRAINING" not in terminal.screen():
            terminal.record(1.0)
        psutil.cpu_percent()
        for number in range(count):
            pressed.append(time.perf_counter() - terminal.started)
            terminal.press(TURNS[number % len(TURNS)][0])
            until = time.perf_counter() + BETWEEN
            while (left := until - time.perf_counter()) > 0:
                terminal.record(left)
        busy = psutil.cpu_percent()
    display = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(display)
    chunks, seconds = list(terminal.chunks), []
    for number, at in enumerate(pressed):
        key, words, come = TURNS[number % len(TURNS)]
        while chunks and chunks[0][0] <= at:
            stream.feed(chunks.pop(0)[1])
        shown = at
        while (words in "\n".join(display.display)) is not come:
            if not chunks:
                raise SystemExit(f"key {key!r} changed nothing; the screen:\n{terminal.screen()}")
            shown, data = chunks.pop(0)
            stream.feed(data)
        seconds.append(shown - at)
    return seconds, busy


def await_end(run: Path) -> None:
    """Wait until the engine has let go of its run, so that the folder can be taken away."""
    deadline = time.monotonic() + START_UP
    while time.monotonic() < deadline:
        told = subprocess.run(
            [CONSOLE, "runs", "--runs", str(run.parent), "--json"], capture_output=True, text=True, check=True
        )
        if '"running"' not in told.stdout:
            return
        time.sleep(0.5)


if __name__ == "__main__":
    main()
