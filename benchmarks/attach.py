"""Attach to a journal of a million events: from the command to the whole live view, and the memory it takes.

First with the index that the engine keeps beside the journal, as it is in the end; then without one, as an older
version left the journal. And what it costs the engine to keep it.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from benchmarks.made_history import NAME, best_of, events
from benchmarks.terminal import BRAILLE, CONSOLE, Terminal, load, spread
from engine.journal.events import Step, encode_line
from engine.journal.index import IndexUpdater, index_path
from engine.run.directory import RunDir
from tests.tui.made_runs import MODEL, START

EVENTS, EPOCHS, TIMES = 1_000_000, 200, 5
PANELS = ("accuracy", "learning rate", "early stop", "outlier log", "confusion")


def lines(count: int) -> Iterator[bytes]:
    """Yield ``count`` lines, or as many as make whole epochs: ten steps a second, as an engine writes them."""
    whole = sum(1 for _ in events(EPOCHS, 0))
    ticks = (count - whole) // EPOCHS
    for seq, event in enumerate(events(EPOCHS, ticks), start=1):
        if isinstance(event, Step):
            event = msgspec.structs.replace(event, loss=event.loss + 1 / seq, data_wait=3.2 + 1 / seq)
        yield encode_line(msgspec.structs.replace(event, seq=seq, t=START + seq / 10))


def console(run: RunDir) -> tuple[float, float, float]:
    """Return when the view was whole but for the curve, when that came, and the memory in MB after it."""
    best = f"{best_of(EPOCHS):.2f}"
    with Terminal([CONSOLE, "attach", NAME, "--runs", str(run.path.parent)]) as terminal:
        terminal.record(60, until=BRAILLE)
        terminal.record(1.5)
        used = psutil.Process(terminal.pid).memory_info().rss / 1e6
        terminal.press(b"q")
        terminal.record(5)
    painted, drawn = terminal.shown_at(
        lambda text: all(word in text for word in (NAME, best, *PANELS)),
        lambda text: sum("\u2801" <= character <= "\u28ff" for character in text) > 20,
    )
    if painted is None or drawn is None:
        raise SystemExit(f"the live view did not come; the screen:\n{terminal.screen()}")
    return painted[0], drawn[0], used


def write(run: RunDir, count: int) -> int:
    """Write the journal as an engine does, its index looked at each five seconds; return how many events it has."""
    renewal, took, written = IndexUpdater(run.journal), list[tuple[float, float]](), 0
    with run.journal.open("wb") as file:
        for line in lines(count):
            file.write(line)
            written += 1
            if written % 50 == 0:  # at ten steps a second
                file.flush()
                wall, used = time.perf_counter(), time.thread_time()
                renewal.look()
                took.append((time.perf_counter() - wall, time.thread_time() - used))
    took.sort()
    renewed = [one for one in took if one[1] > 0.002]
    wall, used = (sum(one[part] for one in took) for part in (0, 1))
    print(
        f"the index renewed {len(renewed)} times, the slowest in {took[-1][0] * 1e3:.0f} ms; "
        f"in all {wall:.2f} s, {used:.2f} s of them computing, in {written / 10 / 3600:.0f} h of training"
    )
    return written


def measure(run: RunDir, what: str, *, indexed: bool) -> None:
    painted: list[float] = []
    drawn: list[float] = []
    used: list[float] = []
    for _ in range(TIMES):
        if not indexed:
            index_path(run.journal).unlink(missing_ok=True)
        for values, value in zip((painted, drawn, used), console(run), strict=True):
            values.append(value)
    print(f"{what}: the view   {spread(painted)}")
    print(f"{what}: the curve  {spread(drawn)}")
    print(f"{what}: resident   {spread(used, 'MB', 0)}")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir.create(Path(folder), NAME, MODEL, "[model]\n")
        begun = time.perf_counter()
        written = write(run, count)
        size = run.journal.stat().st_size / 1e6
        print(f"{written:,} events, {size:.0f} MB, made in {time.perf_counter() - begun:.0f} s; {load()}")
        print(f"the index: {index_path(run.journal).stat().st_size / 1e3:.0f} kB")
        measure(run, "with index", indexed=True)
        measure(run, "no index  ", indexed=False)
        print(load())


if __name__ == "__main__":
    main()
