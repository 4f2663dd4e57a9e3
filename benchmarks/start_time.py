"""From the command to the first training step: what of it isn't importing torch and timm.

    python benchmarks/start_time.py DATA [ROUNDS]

Recipe `quick` on the processor, its images in the disk cache from a first run. Also where the rest goes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.terminal import CONSOLE, load
from engine.control.commands import Stop, send
from engine.journal.events import AnyEvent, RunStarted, StageStarted, Step
from engine.journal.log import JournalReader
from engine.run.directory import RunDir

GOAL = 1.5


def start(data: Path, runs: Path, name: str) -> dict[str, float]:
    """Return the seconds of each part of a run's start."""
    argv = [CONSOLE, "train", str(data), "--recipe", "quick", "--detach", "--runs", str(runs), "--name", name]
    began = time.time()
    subprocess.run(
        [*argv, "--set=data.cache=disk", "--set=train.device=cpu"], check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    run = RunDir(runs / name)
    reader, events = JournalReader(run.journal), list[AnyEvent]()
    while not any(isinstance(event, Step) for event in events):
        events += reader.read()
        time.sleep(0.01)
    send(run.commands, Stop())
    while run.is_alive():
        time.sleep(0.05)
    stages = {event.stage: event.t for event in events if isinstance(event, StageStarted)}
    started = next(event.t for event in events if isinstance(event, RunStarted))
    first = next(event.t for event in events if isinstance(event, Step))
    return {
        "command and engine started": started - began,
        "image processes begun": stages["importing"] - started,
        "importing torch and timm": stages["reading data"] - stages["importing"],
        "data, weights, model, caches": stages["training"] - stages["reading data"],
        "first step, its images and the events": first - stages["training"],
    }


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    data, rounds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        start(data, Path(folder), "warm-up")
        parts = [start(data, Path(folder), str(number)) for number in range(rounds)]
    for name in parts[0]:
        seconds = [part[name] for part in parts]
        print(f"{name:<40} {statistics.median(seconds):6.3f} s ({min(seconds):.3f} to {max(seconds):.3f})")
    # The last part's greater share is the step itself, which takes half a second the first time.
    rest = [sum(part.values()) - part["importing torch and timm"] for part in parts]
    print(
        f"all but the imports: {statistics.median(rest):.3f} s ({min(rest):.3f} to {max(rest):.3f}); goal {GOAL} s"
    )
    print(load())


if __name__ == "__main__":
    main()
