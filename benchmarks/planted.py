"""Data sets with outliers planted among their training images, and the truth about them."""

import shutil
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits, load_sample_image

from engine.data.decode import Pixels, read_image
from engine.data.images import DataSet, scan
from engine.layout.folders import find_folders
from engine.recipe.sections import Data

Kind = Literal["moved", "foreign", "spoiled"]
KINDS: tuple[Kind, ...] = ("moved", "foreign", "spoiled")

Draw = Callable[[np.random.Generator, int], Pixels]
"""Makes the n-th foreign picture, (height, width, 3)."""


def plant(data: Path, dest: Path, share: float, seed: int, foreign: Draw) -> dict[Path, Kind]:
    """Copy ``data`` to ``dest/train`` and ``dest/val`` with outliers among the training images.

    ``share`` (0 to 1) times the number of training images, rounded, are planted, the kinds in turn: moved into
    another class; drawn by ``foreign``; spoiled (blank, noise, over-exposed in turn, from a turn that ``seed``
    chooses). Each class is as likely to get one. Validation images stay clean. Returns the planted training
    images. Raises UserError as ``engine.data.images.scan`` does.
    """
    rng = np.random.default_rng(seed)
    found = _copied(data, dest, seed)
    count = round(share * len(found.train))
    moving = iter(rng.permutation(len(found.train)))
    truth: dict[Path, Kind] = {}
    for number, kind in enumerate(islice(cycle(KINDS), count)):
        turn = seed + number // 3
        label = int(rng.integers(len(found.classes)))
        # Named so that the order of the files tells nothing.
        place = dest / "train" / found.classes[label] / f"{rng.integers(10**6):06d}-{number}.png"
        if kind == "moved":
            index = next(i for i in moving if found.train.labels[i] != label)
            source = dest / "train" / found.classes[found.train.labels[index]] / found.train.paths[index].name
            place = place.with_suffix(source.suffix)
            source.rename(place)
        elif kind == "foreign":
            Image.fromarray(foreign(rng, turn)).save(place)
        else:
            own = [i for i, other in enumerate(found.train.labels) if other == label]
            like = read_image(found.train.paths[rng.choice(own)]).pixels
            Image.fromarray(_spoiled(like, rng, turn)).save(place)
        truth[place] = kind
    return truth


def foreign_to_photos(rng: np.random.Generator, number: int) -> Pixels:
    """Return a scanned digit, a piece of a photograph of a temple, or drawn shapes, in turn."""
    if number % 3 == 0:
        digits: Any = load_digits()
        scan8 = 255 - digits.images[rng.integers(len(digits.images))] * (255 / 16)
        large = cv2.resize(scan8.astype(np.uint8), (128, 128), interpolation=cv2.INTER_CUBIC)
        return np.repeat(large[:, :, None], 3, axis=2)
    if number % 3 == 1:
        return _piece("china.jpg", rng)
    image = Image.new("RGB", (160, 160), _colour(rng))
    pen = ImageDraw.Draw(image)
    for _ in range(8):
        left, top, width, height = rng.integers(0, 100, 4)
        pen.ellipse((left, top, left + width, top + height), fill=_colour(rng))
        pen.line([(int(x), int(y)) for x, y in rng.integers(0, 160, (3, 2))], fill=_colour(rng), width=4)
    return np.asarray(image)


def foreign_to_digits(rng: np.random.Generator, number: int) -> Pixels:
    """Return a piece of a photograph, 32 px a side; every other one is grey, as the digits are."""
    piece = _piece("flower.jpg" if number % 4 > 1 else "china.jpg", rng)
    small = cv2.resize(piece, (32, 32), interpolation=cv2.INTER_AREA)
    if number % 2:
        small = np.repeat(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    return np.asarray(small, np.uint8)


def _copied(data: Path, dest: Path, seed: int) -> DataSet:
    folders = find_folders(data)
    section = Data(train=str(folders.train), val=str(folders.val or ""))
    dest.mkdir(parents=True)
    found = scan(section, seed, dest / "split.csv")
    for images in (found.train, found.val):
        for path, label in zip(images.paths, images.labels, strict=True):
            target = dest / images.split / found.classes[label] / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return found


def _spoiled(like: Pixels, rng: np.random.Generator, number: int) -> Pixels:
    if number % 3 == 0:
        return np.full_like(like, _colour(rng))
    if number % 3 == 1:
        return rng.integers(0, 256, like.shape, np.uint8)
    # Two stops more light, and a veil over it.
    return np.clip(like.astype(np.int64) * 4 + 160, 0, 255).astype(np.uint8)


def _piece(name: str, rng: np.random.Generator) -> Pixels:
    whole: Pixels = load_sample_image(name)
    side = int(rng.integers(96, 256))
    top, left = (int(rng.integers(length - side)) for length in whole.shape[:2])
    return whole[top : top + side, left : left + side]


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue
