"""Placement of a run's cache of decoded images: in memory within a budget, on disk, or nowhere."""

import os
import shutil
from collections.abc import Mapping
from hashlib import blake2b

from engine.core.cachedir import DISK_LIMIT, cache_files, cache_folder, open_cache_file, remove_unused
from engine.core.files import make_private
from engine.data.cache.memory import free_memory
from engine.data.cache.store import file_size, record_size
from engine.data.images import DataSet, ImageSet
from engine.data.loading.messages import CachePlace
from engine.data.loading.prepare import train_side
from engine.layout.folders import Split
from engine.recipe.recipe import Recipe

_MB = 10**6
_LAYOUT = 2
"""Version of the file layout, part of a file's name. In version 1 the layout depended on the space available."""


class CachePlan:
    """Cache files for the splits that are read more than once, training and validation, as set by ``data.cache``.

    ``memory`` holds the descriptor of an empty memory file for each split. ``places`` lists the files chosen, and is
    empty if there are none; ``where`` describes the choice in words.
    """

    def __init__(self, recipe: Recipe, data: DataSet, memory: Mapping[Split, int]) -> None:
        self.places: list[CachePlace] = []
        self.where = "nowhere"
        self._fds: list[int] = []
        asked, splits = recipe.data.cache, (data.val, data.train)
        strides = {split: _stride(recipe, split) for split in ("train", "val")}
        need = sum(file_size(len(images), strides[images.split]) for images in splits)
        budget = recipe.data.cache_mb * _MB or memory_budget()
        if asked == "memory" or (asked == "auto" and need <= budget):
            self._in_memory(splits, strides, memory, budget)
        elif asked != "off":
            try:
                self._on_disk(recipe, splits, strides)
            except OSError as error:
                self.close()
                self.where = f"nowhere: {cache_folder()}: {error.strerror}"

    def close(self) -> None:
        """Close the cache files on disk; the memory files belong to the caller."""
        for fd in self._fds:
            os.close(fd)
        self._fds, self.places = [], []

    def _in_memory(
        self, splits: tuple[ImageSet, ...], strides: dict[str, int], memory: Mapping[Split, int], budget: int
    ) -> None:
        for images, count in zip(splits, _counts(splits, strides, budget), strict=True):
            self.places.append(_place(images, memory[images.split], b"", count, strides))
        self.where = f"in memory, at most {budget / 1e9:.1f} GB"

    def _on_disk(self, recipe: Recipe, splits: tuple[ImageSet, ...], strides: dict[str, int]) -> None:
        folder = cache_folder()
        make_private(folder)
        paths = [folder / f"{_digest(recipe, images, strides[images.split])}.pix" for images in splits]
        files = cache_files(folder)
        others = [file for file in files if file.path not in paths]
        own = sum(file.size for file in files if file.path in paths)
        # Use at most half of the free space: a cache must not fill the disk.
        space = min(
            DISK_LIMIT, own + shutil.disk_usage(folder).free // 2 + sum(file.size for file in others) // 2
        )
        need = sum(file_size(len(images), strides[images.split]) for images in splits)
        _, kept = remove_unused(others, sum(file.size for file in others) + min(need, space) - space)
        counts = _counts(splits, strides, max(0, space - kept))
        for images, path, count in zip(splits, paths, counts, strict=True):
            self._fds.append(open_cache_file(path))
            self.places.append(_place(images, self._fds[-1], os.fsencode(path), count, strides))
        self.where = f"on disk, in {folder}"


def _place(images: ImageSet, fd: int, path: bytes, count: int, strides: dict[str, int]) -> CachePlace:
    return CachePlace(images.split, fd, path, len(images), count, strides[images.split])


def _counts(splits: tuple[ImageSet, ...], strides: dict[str, int], space: int) -> list[int]:
    """Return how many images of each split fit into ``space`` bytes.

    The first split, validation, has priority, because each of its records replaces the whole preparation of an image.
    """
    counts = []
    for images in splits:
        size = record_size(strides[images.split])
        counts.append(min(len(images), space // size))
        space -= counts[-1] * size
    return counts


def memory_budget() -> int:
    """Return a quarter of the available memory, bytes, respecting the limits of containers and batch jobs."""
    return free_memory() // 4


def _stride(recipe: Recipe, split: str) -> int:
    data = recipe.data
    side = train_side(data.train_size, recipe.augment) if split == "train" else data.val_size
    return 3 * side * side


def _digest(recipe: Recipe, images: ImageSet, stride: int) -> str:
    """Return the name of a split's cache file, a hash of everything that its layout depends on."""
    text = blake2b(f"{_LAYOUT} {images.split} {stride} {recipe.data.pad}".encode(), digest_size=16)
    for path in images.paths:
        text.update(os.fsencode(path) + b"\0")
    return text.hexdigest()
