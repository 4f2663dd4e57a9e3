"""How soon each screen stands after its key, and how long it keeps the thread that draws and takes keys.

    python -m benchmarks.screens [DATA] [ROUNDS]

In a pseudo-terminal of 120x40, on two real runs of DATA (of a few made pictures without one). A turn is one turn of
the event loop: from its being given something to do until it can take the next key.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyte

from benchmarks.made_history import NAME, run_under_way
from benchmarks.terminal import COLUMNS, CONSOLE, ROWS, Terminal, load, spread
from tests.made_data import make_pictures

ESCAPE, ALL_RUNS, PALETTE = b"\x1b", b"\x01", b"\x10"
PATIENCE, QUIET, ROUNDS = 6.0, 0.6, 3
"""Seconds that a screen may take, and that it is left alone before the next key."""

# Run by the interpreter as it starts, wherever this folder is on PYTHONPATH: each long turn becomes a line.
HOOK = """
import asyncio.events, json, os, time
told = open(os.path.join(os.environ["TOLD"], str(os.getpid())), "w", buffering=1)
run = asyncio.events.Handle._run
def timed(handle):
    at, used = time.perf_counter(), time.thread_time()
    run(handle)
    held, used = time.perf_counter() - at, time.thread_time() - used
    if held > 0.005:
        told.write(json.dumps([at, held, used]) + "\\n")
asyncio.events.Handle._run = timed
"""


class Opened(NamedTuple):
    name: str
    key: bytes
    shows: str
    """A regular expression that is found on this screen and not on the one it was opened from."""
    leave: bytes = ESCAPE
    before: bytes = b""
    """Keys pressed first, one by one."""


FROM_THE_RUNS = (
    Opened("filter of the runs", b"/", "words, best>90"),
    Opened("help of the runs", b"?", "help: runs"),
    Opened("compare", b"m", "compare 2 runs", before=ALL_RUNS),
    Opened("new run", b"A", "new run as", before=ESCAPE, leave=b""),
    Opened("models, from a new run", b"M", "^ models ", leave=b""),
)
FROM_THE_LIVE_VIEW = (
    Opened("accuracy and loss, whole", b"1", "0 all"),
    Opened("learning rate, whole", b"2", "0 all"),
    Opened("early stop, whole", b"3", "arrows scroll"),
    Opened("confusion, whole", b"4", "m explore"),
    Opened("outlier log, whole", b"5", "arrows scroll"),
    Opened("system, whole", b"6", "from .* to "),
    Opened("confusion explorer", b"m", "true down, predicted across"),
    Opened("predictions", b"v", "no probabilities yet"),
    Opened("outlier gallery", b"o", "esc back"),
    Opened("dialogue of a prediction", b"x", "─ predict"),
    Opened("log", b"l", "E engine.log", leave=b"l"),
    Opened("help", b"?", "─ help"),
    Opened("palette", PALETTE, "type to find"),
    Opened("replay", b"R", "REPLAY"),
)
FROM_A_RUN_UNDER_WAY = (
    Opened("steer", b"=", "─ steer"),
    Opened("quit", b"q", "─ quit"),
    Opened("the next theme", b"T", "", leave=b""),
)


class Measured(NamedTuple):
    """Seconds, of one screen."""

    paint: float
    turn: float
    """The longest turn until the screen was left again, by the clock."""
    work: float
    """What the processor had to do in the turn that needed most of it."""


class Pressed(NamedTuple):
    key: float
    """``time.perf_counter`` as the key was written."""
    left: float


def main() -> None:
    data = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    seen: dict[str, list[Measured]] = defaultdict(list)
    print(load())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = train_two(folder, data or make_pictures(folder / "data", train=8, val=6, test=4))
        lock = run_under_way(folder / "under_way", 200).lock()
        for _ in range(rounds):
            for arguments, words, screens in (
                (["--runs", str(runs)], "2 runs", FROM_THE_RUNS),
                (["attach", "one", "--runs", str(runs)], "R replay", FROM_THE_LIVE_VIEW),
                (["attach", NAME, "--runs", str(folder / "under_way")], "p pause", FROM_A_RUN_UNDER_WAY),
            ):
                for screen, measured in journey(folder, arguments, words, screens):
                    seen[screen].append(measured)
        lock.release()
    print(f"{'first paint':56}  longest turn  of it work, ms")
    for screen, all_of_it in seen.items():
        paint = spread([one.paint for one in all_of_it])
        turn, work = (1000 * statistics.median(values) for values in list(zip(*all_of_it, strict=True))[1:])
        print(f"{screen:26} {paint if screen != 'the next theme' else '':50} {turn:5.0f} {work:5.0f}")
    print(load())


def train_two(folder: Path, data: Path) -> Path:
    """Train runs ``one`` and ``two`` of three epochs, with outliers; return the folder of runs."""
    for name in ("one", "two"):
        subprocess.run(
            [
                *(CONSOLE, "train", str(data), "--runs", "runs", "--name", name, "--recipe", "quick"),
                *("--headless", "--set", "train.epochs=3", "--set", "outliers.method=embedding"),
            ],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    return folder / "runs"


def journey(
    folder: Path, arguments: Sequence[str], words: str, screens: Sequence[Opened]
) -> list[tuple[str, Measured]]:
    """Start the console, and open and leave each of ``screens``; the start is the first of what is returned."""
    told = Path(tempfile.mkdtemp(dir=folder))
    (told / "sitecustomize.py").write_text(HOOK)
    env = {"PYTHONPATH": str(told), "TOLD": str(told), "XDG_CACHE_HOME": str(folder / "cache")}
    with Terminal([CONSOLE, *arguments], env) as terminal:
        settle(terminal)
        pressed = [Pressed(terminal.started, time.perf_counter())]
        for screen in screens:
            press(terminal, screen.before)
            key = time.perf_counter()
            press(terminal, screen.key)
            press(terminal, screen.leave)
            pressed.append(Pressed(key, time.perf_counter()))
        turns = [json.loads(line) for line in (told / str(terminal.pid)).read_text().splitlines()]
    started = Opened(f"vrdl-tui {' '.join(arguments[:1])}".replace("--runs", "").strip(), b"", words)
    measured = []
    paints = painted(terminal, [started, *screens], pressed)
    for screen, paint, (key, left) in zip([started, *screens], paints, pressed, strict=True):
        within = [turn for turn in turns if key <= turn[0] < left]
        longest, work = (max((turn[part] for turn in within), default=0.0) for part in (1, 2))
        measured.append((screen.name, Measured(paint, longest, work)))
    return measured


def press(terminal: Terminal, keys: bytes) -> None:
    for key in keys:
        terminal.press(bytes([key]))
        settle(terminal)


def settle(terminal: Terminal) -> None:
    """Take what is written until nothing was for a while."""
    started = last = time.perf_counter()
    while (now := time.perf_counter()) - last < (QUIET if terminal.chunks else PATIENCE):
        if now - started > PATIENCE:
            return
        before = len(terminal.chunks)
        terminal.record(0.1)
        if len(terminal.chunks) > before:
            last = time.perf_counter()


def painted(terminal: Terminal, screens: Sequence[Opened], pressed: Sequence[Pressed]) -> list[float]:
    """Return the seconds from each key to what only its screen shows."""
    display = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(display)
    chunks = [(terminal.started + at, data) for at, data in terminal.chunks]
    seconds = []
    for screen, (key, left) in zip(screens, pressed, strict=True):
        while chunks and chunks[0][0] <= key:
            stream.feed(chunks.pop(0)[1])
        if screen.shows and re.search(screen.shows, "\n".join(display.display), re.M):
            raise SystemExit(f"{screen.name}: '{screen.shows}' was on the screen before its key")
        shown = key
        while screen.shows and not re.search(screen.shows, "\n".join(display.display), re.M):
            if not chunks or chunks[0][0] > left:
                text = "\n".join(display.display)
                raise SystemExit(f"{screen.name} did not come; the screen:\n{text}")
            shown, data = chunks.pop(0)
            stream.feed(data)
        seconds.append(shown - key)
    return seconds


if __name__ == "__main__":
    main()
