"""Batches prepared ahead of the model by image processes, in shared memory."""

import math
import mmap
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.data.images import ImageSet
from engine.data.loading.messages import CachePlace, Done, Setup, Task
from engine.data.loading.pool import Pool
from engine.data.loading.prepare import Preparer
from engine.data.loading.worker import open_caches
from engine.data.order import Indices
from engine.recipe.recipe import Recipe

OnDone = Callable[[ImageSet, int, Done], None]
"""Called for each image with its set, its index in the set, and the answer of the image process."""
Poll = Callable[[float], object]
"""Called about once a second while waiting for images, with the seconds since the last one; may raise to stop."""
_IMAGES_AHEAD = 8
"""Images prepared or requested in advance for each process while the model computes."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Pixels (n, size, size, 3) uint8, and the indices (n,) of the images that could be read.

    ``pixels`` is a view of the loader's memory, valid until the next batch is requested.
    """

    pixels: npt.NDArray[np.uint8]
    indices: Indices


@dataclass(slots=True)
class _Pending:
    ticket: int
    slot: int
    indices: Indices
    left: int
    done: dict[int, Done] = field(default_factory=dict)
    abandoned: bool = False


class Loader:
    """Loads the images of one recipe through ``pool``, or in the caller's thread if the pool is empty."""

    def __init__(
        self, recipe: Recipe, ground: tuple[int, int, int], places: list[CachePlace], pool: Pool
    ) -> None:
        self._preparer = Preparer(recipe, ground, {} if len(pool) else open_caches(places))
        self._pool = pool
        self._pending: dict[int, _Pending] = {}
        self._ticket = 0
        data = recipe.data
        # The last batch may hold one more image: ``train_batches`` merges a remainder of one.
        side = max(self._preparer.size("train"), self._preparer.size("val"))
        self._slot_bytes = (data.batch_size + 1) * 3 * side**2
        self._ahead = 1 + math.ceil(_IMAGES_AHEAD * len(pool) / data.batch_size)
        # Twice as many: a prediction may run while the batches of an epoch are ready.
        self._free = list(range(2 * (self._ahead + 1)))
        if len(pool):
            # Never shrunk: an image process may still be writing for an earlier loader.
            needed = max(os.fstat(pool.memory).st_size, len(self._free) * self._slot_bytes)
            os.ftruncate(pool.memory, needed)
            self._shared = np.frombuffer(mmap.mmap(pool.memory, 0), np.uint8)
            setup = Setup(recipe.model_dump_json().encode(), ground, self._slot_bytes, places)
            pool.set_up(setup)

    def batches(
        self, images: ImageSet, plan: Iterable[Indices], epoch: int, on_done: OnDone,
        poll: Poll = lambda _: None,
    ) -> Iterator[Batch]:  # fmt: skip
        """Yield the batches of ``plan`` in order, calling ``on_done`` for each image.

        An image that can't be used is missing from its batch, which may become empty. The pixels don't depend on
        the number of processes. Without processes, images are read in this thread and ``poll`` isn't called. Raises
        UserError if image processes keep dying, and whatever ``poll`` raises.
        """
        if not len(self._pool):
            for indices in plan:
                yield self._load_here(images, indices, epoch, on_done)
            return
        waiting: deque[_Pending] = deque()
        try:
            for indices in plan:
                waiting.append(self._request(images, indices, epoch, poll))
                if len(waiting) > self._ahead:
                    yield self._finish(images, waiting, on_done, poll)
                    self._discard(waiting.popleft())
            while waiting:
                yield self._finish(images, waiting, on_done, poll)
                self._discard(waiting.popleft())
        finally:
            for pending in waiting:
                self._discard(pending)

    def _load_here(self, images: ImageSet, indices: Indices, epoch: int, on_done: OnDone) -> Batch:
        size = self._preparer.size(images.split)
        good: list[int] = []
        pixels = np.empty((len(indices), size, size, 3), np.uint8)
        for place, index in enumerate(indices.tolist()):
            path = os.fsencode(images.paths[index])
            done, prepared = self._preparer.prepare(Task(0, 0, place, images.split, epoch, index, path))
            on_done(images, index, done)
            if prepared is not None:
                pixels[len(good)] = prepared
                good.append(place)
        return Batch(pixels[: len(good)], indices[good])

    def _request(self, images: ImageSet, indices: Indices, epoch: int, poll: Poll) -> _Pending:
        while not self._free:  # abandoned batches whose images are still being prepared
            self._receive(poll)
        self._ticket += 1
        pending = _Pending(self._ticket, self._free.pop(), indices, len(indices))
        self._pending[pending.ticket] = pending
        paths = [os.fsencode(images.paths[index]) for index in indices.tolist()]
        self._pool.put(
            Task(pending.ticket, pending.slot, place, images.split, epoch, index, path)
            for place, (index, path) in enumerate(zip(indices.tolist(), paths, strict=True))
        )
        return pending

    def _finish(self, images: ImageSet, waiting: deque[_Pending], on_done: OnDone, poll: Poll) -> Batch:
        pending = waiting[0]
        while pending.left:
            self._receive(poll)
        count, size = len(pending.indices), self._preparer.size(images.split)
        good: list[int] = []
        for place, index in enumerate(pending.indices.tolist()):
            done = pending.done[place]
            on_done(images, index, done)
            if not done.problem:
                good.append(place)
        start = pending.slot * self._slot_bytes
        pixels = self._shared[start : start + count * size * size * 3].reshape(count, size, size, 3)
        return Batch(pixels if len(good) == count else pixels[good], pending.indices[good])

    def _receive(self, poll: Poll) -> None:
        if not (answers := self._pool.take()):
            # Outside ``take``, because ``poll`` may load images itself.
            poll(self._pool.quiet)
        for done in answers:
            pending = self._pending[done.ticket]
            pending.done[done.place] = done
            pending.left -= 1
            if not pending.left and pending.abandoned:
                self._release(pending)

    def _discard(self, pending: _Pending) -> None:
        if pending.left:
            pending.abandoned = True
        else:
            self._release(pending)

    def _release(self, pending: _Pending) -> None:
        del self._pending[pending.ticket]
        self._free.append(pending.slot)
