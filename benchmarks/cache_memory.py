"""Memory of a run whose decoded images are ten times what it may keep in memory.

Pictures are made, a tiny network trains on them for two epochs: once with a budget of a tenth of them (they go to
disk then), once on a few of the same pictures. The difference is what the data set costs; the engine's and its image
processes' private memory is summed, at its highest.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from benchmarks.terminal import load
from engine.journal.events import StageStarted
from engine.journal.log import JournalReader
from engine.layout.folders import find_folders
from engine.recipe.recipe import load_recipe
from engine.run.directory import RunDir
from tui.spawn import start_engine

BUDGET_MB, SIZE = 20, 256
SETTINGS = (
    "model.name=test_efficientnet", "model.pretrained=false", "train.device=cpu", "train.epochs=2", "data.workers=2",
    "data.train_size=128", "data.val_size=128", "data.batch_size=16", f"data.cache_mb={BUDGET_MB}",
)  # fmt: skip


def make(folder: Path, count: int) -> Path:
    rng = np.random.default_rng(0)
    for split, number in (("train", count), ("val", 8)):
        for name in ("a", "b"):
            (folder / split / name).mkdir(parents=True)
            for k in range(number // 2):
                pixels = rng.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{k}.jpg")
    return folder


def highest(runs: Path, data: Path, name: str) -> tuple[float, str]:
    """Return the most memory, MB, that a run's processes held, and where its images were kept."""
    folders = find_folders(data)
    base = {"data": {"train": str(folders.train), "val": str(folders.val), "test": ""}}
    recipe = load_recipe(None, SETTINGS, base)
    run = RunDir.create(runs, name, recipe.model.name, recipe.to_toml())
    engine = psutil.Process(start_engine(run))
    most = 0.0
    while run.is_alive():
        try:
            held = [process.memory_full_info().uss for process in (engine, *engine.children())]
            most = max(most, sum(held) / 1e6)
        except psutil.Error:
            pass
        time.sleep(0.02)
    events = JournalReader(run.journal).read(limit=1 << 30)
    kept = [event.detail for event in events if isinstance(event, StageStarted) and event.stage == "training"]
    return most, kept[-1]


def main() -> None:
    side = round(128 / 0.5**0.5)
    count = 10 * BUDGET_MB * 10**6 // (3 * side * side)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        many, few = make(Path(folder, "many"), count), make(Path(folder, "few"), 32)
        base, _ = highest(Path(folder, "runs"), few, "few")
        held, kept = highest(Path(folder, "runs"), many, "many")
    print(f"{count} images, {count * 3 * side * side / 1e6:.0f} MB decoded, budget {BUDGET_MB} MB; {kept}")
    print(
        f"{held:.0f} MB at most, {base:.0f} MB with 32 images: {held - base:+.0f} MB (goal: within the budget)"
    )
    print(load())
    sys.exit(held - base > BUDGET_MB)


if __name__ == "__main__":
    main()
