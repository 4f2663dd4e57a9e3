"""Prepare one image for a batch: decode it or read it from the cache, then augment or pad it."""

import math
import os
from pathlib import Path

from engine.data.augment.augment import augmented
from engine.data.augment.geometry import reduced, to_square
from engine.data.cache.store import Cache, record_key
from engine.data.decode import BadImageError, Pixels, read_image
from engine.data.loading.messages import Done, Task
from engine.layout.folders import Split
from engine.recipe.recipe import Recipe
from engine.recipe.sections import Augment

_LARGE = 20_000
"""Longer side, px, from which on an image is reported with a note."""


def train_side(size: int, augment: Augment) -> int:
    """Return the longer side, px, to which training images are reduced before augmentation.

    Large enough that the smallest crop is about ``size`` px wide, and at most ``2 * size``.
    """
    least = augment.crop_scale[0] if augment.enabled else 1.0
    return min(2 * size, round(size / math.sqrt(max(least, 0.01))))


class Preparer:
    """Prepares the images of one recipe. The pixels are the same with and without a cache."""

    def __init__(self, recipe: Recipe, ground: tuple[int, int, int], caches: dict[Split, Cache]) -> None:
        self._recipe = recipe
        self._ground = ground
        self._caches = caches
        self._cache_full = False
        data = recipe.data
        self._side = train_side(data.train_size, recipe.augment)
        self._geometry = {
            "train": f"keep {self._side} {data.pad}",
            "val": f"square {data.val_size} {data.pad}",
            "test": "",
        }

    def size(self, split: Split) -> int:
        """Return the side of a prepared image of ``split``, px."""
        return self._recipe.data.train_size if split == "train" else self._recipe.data.val_size

    def prepare(self, task: Task) -> tuple[Done, Pixels | None]:
        """Return the answer to ``task`` and the pixels (size, size, 3), None if the image can't be used."""
        done = Done(task.ticket, task.place)
        try:
            return done, self._prepared(task, done)
        except BadImageError as error:
            done.problem = str(error)
            return done, None

    def _prepared(self, task: Task, done: Done) -> Pixels:
        recipe, path = self._recipe, os.fsdecode(task.path)
        pixels = self._load(task, path, done)
        if task.split != "train":
            return pixels
        return augmented(
            pixels, recipe.augment, size=recipe.data.train_size, pad=recipe.data.pad,
            seed=recipe.train.seed, epoch=task.epoch, index=task.index, ground=self._ground,
        )  # fmt: skip

    def _load(self, task: Task, path: str, done: Done) -> Pixels:
        try:
            status = Path(path).stat()
        except OSError as error:
            raise BadImageError(f"can't be read: {error.strerror}") from None
        done.stamp = hash((status.st_size, status.st_mtime_ns, status.st_ino)) & 0x7FFFFFFFFFFFFFFF
        cache = self._caches.get(task.split)
        if cache is None:
            return self._decoded(task.split, path, done)
        key = record_key(task.path, status.st_size, status.st_mtime_ns, self._geometry[task.split])
        cached = cache.get(task.index, key)
        if cached is None:
            cached = self._decoded(task.split, path, done)
            self._store(cache, task.index, key, cached, done)
        return cached

    def _store(self, cache: Cache, index: int, key: bytes, pixels: Pixels, done: Done) -> None:
        if self._cache_full:
            return
        try:
            cache.put(index, key, pixels)
        except OSError as error:
            self._cache_full = True
            done.note = f"decoded images are no longer cached: {error.strerror}; the run continues"

    def _decoded(self, split: Split, path: str, done: Done) -> Pixels:
        data = self._recipe.data
        side = self._side if split == "train" else data.val_size
        # With ``stretch`` the shorter side needs as many pixels as the longer one.
        decoded = read_image(
            Path(path), least=side, shorter=data.pad == "stretch", max_pixels=data.max_pixels
        )
        done.oddities = list(decoded.oddities)
        if decoded.short:
            done.note = f"{path}: its last row is empty, so the file may be truncated; used as it is"
        elif max(decoded.width, decoded.height) >= _LARGE:
            done.note = f"{path}: {decoded.width}x{decoded.height} px: used, shrunk to {side} px"
        if split == "train":
            return reduced(decoded.pixels, side, data.pad)
        return to_square(decoded.pixels, side, data.pad)
