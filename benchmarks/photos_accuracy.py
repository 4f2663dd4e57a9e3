"""The accuracy that recipe `quick` reaches on a folder of photographs, on the processor, for five seeds.

    python benchmarks/photos_accuracy.py DATA [SEEDS]

tf_efficientnet_lite0 with the weights of its package, 128 px, batches of 16, 8 epochs: the real program from the
command line to the end, headless. Every other thing is as the recipe says.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.terminal import CONSOLE, load
from engine.journal.events import RunEnded, RunStarted
from engine.journal.log import JournalReader
from engine.run.directory import RunDir

GOAL = 78.0
FIXED = (
    "model.name=tf_efficientnet_lite0", "data.train_size=128", "data.val_size=128", "data.batch_size=16",
    "train.epochs=8",
)  # fmt: skip


def train(data: Path, runs: Path, seed: int) -> RunDir:
    settings = [f"--set={setting}" for setting in (*FIXED, f"train.seed={seed}")]
    argv = [CONSOLE, "train", str(data), "--recipe", "quick", "--device", "cpu", "--headless"]
    done = subprocess.run(
        [*argv, "--runs", str(runs), "--name", f"seed{seed}", *settings],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"seed {seed} failed with exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    return RunDir(runs / f"seed{seed}")


def best(run: RunDir) -> tuple[float, int]:
    """Return the best validation accuracy and its epoch, as the journal has them at the end."""
    events = JournalReader(run.journal).read()
    started, ended = events[0], events[-1]
    if not isinstance(started, RunStarted) or not isinstance(ended, RunEnded) or ended.best is None:
        raise SystemExit(f"run {run.name} did not end as it should")
    if started.monitor != "val_acc":
        raise SystemExit(f"recipe quick watches {started.monitor}")
    return ended.best, ended.best_epoch


def main() -> None:
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_dir():
        raise SystemExit("usage: python benchmarks/photos_accuracy.py DATA [SEEDS]")
    data, seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    found: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            started = time.monotonic()
            accuracy, epoch = best(train(data, Path(folder), seed))
            found.append(accuracy)
            seconds = time.monotonic() - started
            print(f"seed {seed}: {accuracy:.2f} % in epoch {epoch}, {seconds:.0f} s, {load()}", flush=True)
    print(
        f"mean {statistics.mean(found):.2f} % ({min(found):.2f} to {max(found):.2f}); goal: at least {GOAL:g} %"
    )


if __name__ == "__main__":
    main()
