"""Seconds of an epoch: this engine against timm's own train.py and against the model's own bound.

    python benchmarks/epoch_time.py DATA TIMM [ROUNDS]

DATA holds train/CLASS and val/CLASS, TIMM is a checkout of huggingface/pytorch-image-models.
`tf_efficientnet_lite0` from random weights, 128 px, batches of 16, on the processor. An epoch's time is
that from the end of the one before it to its own end, validation included; what came before the first end is left out.
"""

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.terminal import CONSOLE, load
from engine.journal.events import DatasetScanned, EpochEnded
from engine.journal.log import JournalReader
from engine.run.directory import RunDir

MODEL, SIZE, BATCH, EPOCHS, WORKERS = "tf_efficientnet_lite0", 128, 16, 4, 2
OURS = (
    f"model.name={MODEL}", "model.pretrained=false", f"data.train_size={SIZE}", f"data.val_size={SIZE}",
    f"data.batch_size={BATCH}", f"data.workers={WORKERS}", f"train.epochs={EPOCHS + 1}", "train.device=cpu",
)  # fmt: skip
RECIPES = {"ours, recipe quick": "quick", "ours, the report's whole augmentation": "report"}
TIMM_FLAGS = {
    "timm, its defaults": (),
    "timm, its best flags": ("--channels-last", "--opt", "adamw", "--fast-norm"),
}


def ours(data: Path, recipe: str) -> tuple[list[float], list[float], int]:
    """Return of each epoch but the first its seconds and the rate of its steps, and how many images it has."""
    settings = [f"--set={setting}" for setting in (*OURS, "mixup.alpha=0")]
    with tempfile.TemporaryDirectory() as folder:
        argv = [
            CONSOLE,
            "train",
            str(data),
            "--recipe",
            recipe,
            "--headless",
            "--runs",
            folder,
            "--name",
            "run",
        ]
        subprocess.run([*argv, *settings], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        events = JournalReader(RunDir(Path(folder, "run")).journal).read(limit=1 << 30)
    ended = [event for event in events if isinstance(event, EpochEnded)]
    seconds = [after.t - before.t for before, after in itertools.pairwise(ended)]
    images = next(event.train_images for event in events if isinstance(event, DatasetScanned))
    return seconds, [event.images_per_s for event in ended[1:]], images


def timms(data: Path, timm_folder: Path, classes: int, flags: tuple[str, ...]) -> list[float]:
    """Return the seconds of each epoch but the first of timm's training script."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [
            sys.executable, str(timm_folder / "train.py"), "--data-dir", str(data), "--model", MODEL,
            "--val-split", "val", "--img-size", str(SIZE), "-b", str(BATCH), "--num-classes", str(classes),
            "-j", str(WORKERS), "--device", "cpu", "--epochs", str(EPOCHS + 1), "--warmup-epochs", "0",
            "--cooldown-epochs", "0", "--output", folder, *flags,
        ]  # fmt: skip
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        ends, said = [], []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Current checkpoints"):
                ends.append(time.monotonic())
        if process.wait():
            raise SystemExit(f"timm's train.py failed: {''.join(said)[-800:]}")
    return [end - start for start, end in itertools.pairwise(ends)]


def bare(classes: int) -> list[float]:
    """Return the images a second, over some stretches, of forward, backward and optimiser alone."""
    argv = [sys.executable, "-m", "benchmarks.bare_rate", MODEL, str(SIZE), str(BATCH), str(classes)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    return [float(rate) for rate in done.stdout.split()]


def told(name: str, seconds: list[float], images: float) -> float:
    middle = statistics.median(seconds)
    print(
        f"{name:<40} {middle:6.2f} s ({min(seconds):.2f} to {max(seconds):.2f}, {len(seconds)} epochs), "
        f"{images / middle:6.1f} training images/s",
        flush=True,
    )
    return middle


def rounds(count: int) -> Iterator[int]:
    for number in range(count):
        print(f"round {number + 1}: {load()}", flush=True)
        yield number


def main() -> None:
    if len(sys.argv) < 3 or not (Path(sys.argv[2]) / "train.py").is_file():
        raise SystemExit(__doc__)
    data, timm_folder = Path(sys.argv[1]), Path(sys.argv[2])
    classes = len([entry for entry in os.scandir(data / "train") if entry.is_dir()])
    seconds: dict[str, list[float]] = {}
    steps: dict[str, list[float]] = {}
    bounds: list[float] = []
    images = 0
    for _ in rounds(int(sys.argv[3]) if len(sys.argv) > 3 else 2):
        for name, recipe in RECIPES.items():
            found, rates, images = ours(data, recipe)
            seconds.setdefault(name, []).extend(found)
            steps.setdefault(name, []).extend(rates)
            bounds += bare(classes)
        for name, flags in TIMM_FLAGS.items():
            seconds.setdefault(name, []).extend(timms(data, timm_folder, classes, flags))
    # timm's loader drops the last batch of an epoch when it is not whole.
    trained = {name: images // BATCH * BATCH if name in TIMM_FLAGS else images for name in seconds}
    rate = {name: trained[name] / told(name, found, trained[name]) for name, found in seconds.items()}
    bound = statistics.median(bounds)
    print(
        f"the model alone, one batch again and again: {bound:.1f} images/s ({min(bounds):.1f} to {max(bounds):.1f})"
    )
    for name in RECIPES:
        own = statistics.median(steps[name])
        print(f"{name}: steps at {own:.1f} images/s, {100 * own / bound:.1f} % of that (goal 95)")
        for other, goal in zip(TIMM_FLAGS, (2, 1.3), strict=True):
            print(f"{name}: epochs {rate[name] / rate[other]:.2f} x {other} (goal {goal})")


if __name__ == "__main__":
    main()
