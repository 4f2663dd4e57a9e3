"""From the command to the table of 1,000 runs of 60 epochs with their steps, in a pseudo-terminal.

Cold: the journals put out of the system's memory before each start (where the file
system follows that advice). Warm: the second start. Beside them the same table of ten runs: what the console costs
with hardly any run.
"""

import os
import tempfile
import time
from pathlib import Path

from benchmarks.made_history import events
from benchmarks.terminal import CONSOLE, Terminal, load, spread
from engine.journal.events import RunEnded
from engine.run.directory import RunDir
from tests.tui.made_runs import make_run

RUNS, FEW, EPOCHS, TICKS, TIMES = 1000, 10, 60, 20, 5


def make_runs(runs: Path, count: int) -> int:
    """Make ``count`` finished runs; return the bytes of a journal."""
    end = RunEnded(outcome="finished", reason="", epoch=EPOCHS, best=88.0, best_epoch=EPOCHS, exit_code=0)
    first = make_run(runs, "run-0000", [*events(EPOCHS, TICKS), end])
    journal = first.journal.read_bytes()
    for number in range(1, count):
        run = RunDir.create(runs, f"run-{number:04}", "m", "[model]\n")
        run.journal.write_bytes(journal)
    os.sync()
    return len(journal)


def forget(runs: Path) -> None:
    """Ask the system to drop what it holds of the journals in memory."""
    for path in runs.glob("*/events.jsonl"):
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def opened(runs: Path, count: int, cache: Path) -> tuple[float, float]:
    """Return when a screenful of read runs was shown: seconds from the start, and of the processor."""
    with Terminal([CONSOLE, "--runs", str(runs)], {"XDG_CACHE_HOME": str(cache)}) as terminal:
        deadline = time.perf_counter() + 20
        while time.perf_counter() < deadline:
            terminal.record(0.02)
            if any(b"finished" in data for _, data in terminal.chunks[-3:]):
                break
        terminal.record(0.5)
    (painted,) = terminal.shown_at(
        lambda text: f"of {count:,}" in text and text.count("finished") >= min(count, 20) and "? help" in text
    )
    if painted is None:
        raise SystemExit(f"the table did not come in 20 s; the screen:\n{terminal.screen()}")
    return painted


def main() -> None:
    print(load())
    with tempfile.TemporaryDirectory() as folder:
        many, few, cache = Path(folder, "many"), Path(folder, "few"), Path(folder, "cache")
        size = make_runs(many, RUNS)
        make_runs(few, FEW)
        print(f"{RUNS:,} runs, {size / 1e3:.0f} kB of journal each")
        seen: dict[str, list[float]] = {}
        for time_ in range(TIMES):
            forget(many)
            cold = opened(many, RUNS, cache / str(time_))
            warm = opened(many, RUNS, cache / str(time_))
            little = opened(few, FEW, cache / f"few{time_}")
            row = {
                f"{RUNS:,} runs, cold: a screenful": cold[0],
                "  of it on the processor": cold[1],
                f"{RUNS:,} runs, warm: a screenful": warm[0],
                "  of it on the processor ": warm[1],
                f"{FEW} runs": little[0],
            }
            for name, seconds in row.items():
                seen.setdefault(name, []).append(seconds)
        for name, values in seen.items():
            print(f"{name:34} {spread(values)}")
    print(load())


if __name__ == "__main__":
    main()
