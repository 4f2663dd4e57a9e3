"""The same curve of 200 epochs in this console and in W&B LEET: from the command to the curve, in turn.

    python -m benchmarks.against_leet WANDB [ROUNDS]

WANDB is the program `wandb` of an environment with the package wandb; it writes its run offline.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.first_paint import EPOCHS, console, curve
from benchmarks.made_history import run_under_way
from benchmarks.terminal import BRAILLE, Terminal, load, spread

WRITES = """
import math, sys, wandb
with wandb.init(project="p", name="curve", mode="offline", dir=sys.argv[1]) as run:
    for epoch in range(1, int(sys.argv[2]) + 1):
        run.log({"val_acc": 88 - 60 * math.exp(-epoch / 20), "train_acc": 70 - 50 * math.exp(-epoch / 15)})
"""


def leet(wandb: str, folder: Path) -> float:
    """Return when its first curve stood on the screen, seconds."""
    env = {"HOME": str(folder), "WANDB_ERROR_REPORTING": "false"}
    (run,) = (folder / "wandb").glob("offline-run-*")
    with Terminal([wandb, "leet", str(run)], env) as terminal:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and not any(BRAILLE.search(data) for _, data in terminal.chunks):
            terminal.record(0.5, until=BRAILLE)
        terminal.record(0.5)
    (drawn,) = terminal.shown_at(curve)
    if drawn is None:
        raise SystemExit(f"LEET drew no curve in 15 s; the screen:\n{terminal.screen()}")
    return drawn[0]


def main() -> None:
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_file():
        raise SystemExit(__doc__)
    wandb, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 7
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        quiet = {**os.environ, "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false", "HOME": name}
        python = Path(wandb).with_name("python")
        subprocess.run([python, "-c", WRITES, name, str(EPOCHS)], check=True, env=quiet)
        lock = run_under_way(folder / "runs", EPOCHS).lock()
        for _ in range(rounds):
            ours.append(console(folder / "runs")[1])
            theirs.append(leet(wandb, folder))
        lock.release()
    print(f"this console, until the curve  {spread(ours)}")
    print(f"W&B LEET, until its curve      {spread(theirs)}")
    print(f"LEET / this console            {spread([b / a for a, b in zip(ours, theirs, strict=True)], '')}")
    print(load())


if __name__ == "__main__":
    main()
