"""What the report's augmentation costs an image, with torchvision and with one resampling.

On one core, at 256 px, in turn: torchvision's chain of PIL transforms (method.md, Augmentation) from the file; the
engine's from the file; the engine's from a picture that is decoded and reduced already, as the cache keeps it.

    python benchmarks/augment_cost.py [FOLDER OF PHOTOS]
"""

import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional

from engine.data.augment.augment import augmented
from engine.data.augment.geometry import reduced
from engine.data.decode import Pixels, read_image
from engine.recipe.sections import Augment

PICTURES, WIDTH, HEIGHT, QUALITY = 24, 500, 375, 90
SIZE, CACHED, ROUNDS = 256, 362, 9
GOALS = {"file": 6.0, "cache": 10.0}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GROUND = (124, 116, 104)


def padded(image: Image.Image) -> Image.Image:
    side = max(image.size)
    left, top = (side - image.width) // 2, (side - image.height) // 2
    square: Image.Image = functional.pad(
        image, [left, top, side - image.width - left, side - image.height - top]
    )
    return square


def reports_chain() -> Callable[[Image.Image], torch.Tensor]:
    chain: Callable[[Image.Image], torch.Tensor] = transforms.Compose([
        padded,
        transforms.Resize((SIZE, SIZE)),
        transforms.RandomResizedCrop(SIZE, (0.5, 1.0)),
        transforms.ColorJitter(0.4, 0.5, 0.5, 0.3),
        transforms.RandomHorizontalFlip(),
        transforms.RandomRotation(45),
        transforms.RandomAffine(0, (0.1, 0.1), (0.9, 1.1), 10),
        transforms.RandomPerspective(0.3, 0.5),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
        transforms.RandomErasing(0.4, (0.02, 0.25)),
    ])  # fmt: skip
    return chain


def make_photos(folder: Path) -> list[Path]:
    """Write pictures with smooth parts and as much noise as a photograph has."""
    rng = np.random.default_rng(0)
    paths = []
    for k in range(PICTURES):
        coarse = cv2.resize(rng.normal(size=(9, 12, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        fine = cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH, 3)), (0, 0), 1.5)
        pixels = 120 + 45 * coarse + 40 * fine + rng.normal(size=(HEIGHT, WIDTH, 1)) * 3
        paths.append(folder / f"{k}.jpg")
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(paths[-1], quality=QUALITY)
    return paths


def read(path: Path) -> Pixels:
    """Read as the engine does before it keeps a picture: no larger than training needs it."""
    return reduced(read_image(path, least=CACHED).pixels, CACHED, "square")


def ms(work: Callable[[int], object], count: int) -> float:
    started = time.perf_counter()
    for i in range(count):
        work(i)
    return (time.perf_counter() - started) / count * 1e3


def told(times: list[float]) -> str:
    return f"{statistics.median(times):6.3f} ms ({min(times):.3f} to {max(times):.3f})"


def measure(paths: list[Path]) -> None:
    chain, recipe = reports_chain(), Augment()
    cached = [read(path) for path in paths]
    rounds = [0]

    def theirs(i: int) -> object:
        with Image.open(paths[i]) as image:
            return chain(image.convert("RGB"))

    def ours(pixels: Pixels, i: int) -> Pixels:
        return augmented(
            pixels, recipe, size=SIZE, pad="square", seed=0, epoch=rounds[-1], index=i, ground=GROUND
        )

    ways: dict[str, Callable[[int], object]] = {
        "torchvision": theirs,
        "file": lambda i: ours(read(paths[i]), i),
        "cache": lambda i: ours(cached[i], i),
        "decode": lambda i: read(paths[i]),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    gc.disable()
    for number in range(ROUNDS + 1):
        rounds.append(number)
        for name, work in ways.items():
            times[name].append(ms(work, len(paths)))
    for name in ways:
        times[name] = times[name][1:]  # the first round warms up
    print(
        f"{len(paths)} pictures, {ROUNDS} rounds, median (least to most) for an image; load {os.getloadavg()[0]:.1f}"
    )
    print(f"torchvision's chain, with the decode   {told(times['torchvision'])}")
    print(
        f"ours, with the decode                  {told(times['file'])}, of which decode {told(times['decode'])}"
    )
    print(f"ours, from {CACHED} px                      {told(times['cache'])}")
    for name, goal in GOALS.items():
        ratios = [a / b for a, b in zip(times["torchvision"], times[name], strict=True)]
        print(
            f"torchvision / ours from the {name:5}      {statistics.median(ratios):.2f}"
            f" ({min(ratios):.2f} to {max(ratios):.2f}); goal {goal:g}"
        )


def main() -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            paths = sorted(
                p for p in Path(sys.argv[1]).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")
            )
        else:
            paths = make_photos(Path(folder))
        measure(paths)


if __name__ == "__main__":
    main()
