"""From the command to the live view of a run of 200 epochs, in a pseudo-terminal.

Beside it the floor: an interpreter that imports textual.app and ends, and a bare Textual app's first paint.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.made_history import NAME, best_of, run_under_way
from benchmarks.terminal import BRAILLE, CONSOLE, Terminal, load, spread

EPOCHS, TIMES = 200, 7
PANELS = ("accuracy", "learning rate", "early stop", "outlier log", "confusion")
HEAVY = {"torch", "torchvision", "timm", "cv2", "numpy", "PIL", "matplotlib", "safetensors", "sklearn"}

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("here it is")
Bare().run()
"""

# Run by the interpreter as it starts, wherever this folder is on PYTHONPATH: modules are told at the end.
HOOK = """
import atexit, json, os, sys
def tell():
    with open(os.path.join(os.environ["TOLD"], str(os.getpid())), "w") as file:
        json.dump(sorted({name.partition(".")[0] for name in sys.modules}), file)
atexit.register(tell)
"""


def curve(text: str) -> bool:
    """Whether a line of Braille dots is on the screen."""
    return sum("\u2801" <= character <= "\u28ff" for character in text) > 20


def console(runs: Path) -> tuple[tuple[float, float], float, int]:
    """Return when the view was complete but for the curve, when that came, and the number of child processes."""
    best = f"{best_of(EPOCHS):.2f}"
    with Terminal([CONSOLE, "attach", NAME, "--runs", str(runs)]) as terminal:
        terminal.record(15, until=BRAILLE)
        terminal.record(0.2)
        children = len(psutil.Process(terminal.pid).children(recursive=True))
    painted, drawn = terminal.shown_at(
        lambda text: all(word in text for word in (NAME, best, *PANELS)), curve
    )
    if painted is None or drawn is None:
        raise SystemExit(f"the live view did not come in 15 s; the screen:\n{terminal.screen()}")
    return painted, drawn[0], children


def bare() -> tuple[float, float]:
    with Terminal([sys.executable, "-c", BARE]) as terminal:
        terminal.record(15, until=re.compile(b"here it is"))
    (painted,) = terminal.shown_at(lambda text: "here it is" in text)
    if painted is None:
        raise SystemExit("the bare app did not paint in 15 s")
    return painted


def importing() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import textual.app"], check=True)
    return time.perf_counter() - started


def heavy_modules(runs: Path, told: Path) -> list[str]:
    """Open the console, look at log and help, leave it; return what heavy it and its children imported."""
    told.mkdir()
    (told / "sitecustomize.py").write_text(HOOK)
    env = {"PYTHONPATH": str(told), "TOLD": str(told)}
    with Terminal([CONSOLE, "attach", NAME, "--runs", str(runs)], env) as terminal:
        terminal.record(15, until=BRAILLE)
        for key in (b"l", b"l", b"?", b"?", b"q", b"d"):
            terminal.press(key)
            terminal.record(0.4)
        deadline = time.monotonic() + 15
        while not terminal.ended() and time.monotonic() < deadline:
            terminal.record(0.2)
        pids = [path for path in told.iterdir() if path.name.isdigit()]
        if not terminal.ended() or not pids:
            raise SystemExit(f"the console did not end; the screen:\n{terminal.screen()}")
    return sorted(HEAVY.intersection(*[json.loads(path.read_bytes()) for path in pids]))


def main() -> None:
    print(load())
    with tempfile.TemporaryDirectory() as folder:
        runs, long_runs = Path(folder, "runs"), Path(folder, "long")
        locks = [
            run_under_way(runs, EPOCHS).lock(),
            run_under_way(long_runs, EPOCHS, ticks=100).lock(),
        ]
        seen: dict[str, list[float]] = {}
        children = 0
        for _ in range(TIMES):
            painted, drawn, born = console(runs)
            painted_long, drawn_long, _ = console(long_runs)
            children = max(children, born)
            plain = bare()
            row = {
                f"first paint, {EPOCHS} epochs": painted[0],
                "  of it on the processor": painted[1],
                "  until the curve": drawn,
                "first paint, 100 steps an epoch": painted_long[0],
                "  until the curve ": drawn_long,
                "a bare Textual app": plain[0],
                "  of it on the processor ": plain[1],
                "import textual.app": importing(),
                "first paint / bare app": painted[0] / plain[0],
            }
            for name, seconds in row.items():
                seen.setdefault(name, []).append(seconds)
        for name, values in seen.items():
            print(f"{name:34} {spread(values, '' if '/' in name else 's')}")
        heavy = heavy_modules(runs, Path(folder, "told"))
        for lock in locks:
            lock.release()
    print(f"heavy modules imported: {', '.join(heavy) or 'none'}; child processes: {children}")
    print(load())


if __name__ == "__main__":
    main()
