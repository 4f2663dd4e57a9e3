"""Small real image folders and runs, made where a test wants them."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from engine.layout.folders import find_folders
from engine.recipe.recipe import load_recipe
from engine.run.directory import RunDir

SEED = int(os.environ.get("PICTURES_SEED", "1"))
"""Of the pictures: no test may depend on what is learned from them."""

COLOURS = {"blue": (40, 60, 200), "green": (50, 180, 60), "red": (200, 50, 40)}

# A network of 100,000 weights from random ones: an epoch takes a blink.
TINY = (
    "model.name=test_efficientnet", "model.pretrained=false", "data.train_size=32", "data.val_size=32",
    "data.batch_size=8", "data.workers=2", "optim.lr=0.003", "train.device=cpu", "train.epochs=3",
)  # fmt: skip


def make_pictures(
    root: Path, *, train: int = 9, val: int = 4, test: int = 5, size: int = 40, seed: int = SEED
) -> Path:
    """Write ``train``, ``val`` noisy pictures of each of three colours, and ``test`` in all, as PNG."""
    rng = np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        for name, colour in COLOURS.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                save_noise(folder / f"{name}{number}.png", colour, size, rng)
    if test:
        (root / "test").mkdir()
        colours = list(COLOURS.values())
        for number in range(test):
            save_noise(root / "test" / f"{number}.png", colours[number % 3], size, rng)
    return root


def save_noise(path: Path, colour: tuple[int, int, int], size: int, rng: np.random.Generator) -> None:
    pixels = np.clip(rng.normal(colour, 60, (size, size, 3)), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def make_run(runs: Path, data: Path, *settings: str, name: str = "run") -> RunDir:
    """Prepare a run of the tiny network on a data folder; ``settings`` are ``key=value``."""
    folders = find_folders(data)
    paths = {
        "train": str(folders.train),
        "val": str(folders.val or ""),
        "test": str(folders.test or ""),
    }
    recipe = load_recipe(None, (*TINY, *settings), {"data": paths})
    return RunDir.create(runs, name, recipe.model.name, recipe.to_toml(), recipe.train.share)
