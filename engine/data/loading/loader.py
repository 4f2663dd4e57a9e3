"""Batches prepared ahead of the model, by image processes into shared memory."""

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
Poll = Callable[[float], object]
"""Called about once a second while images are waited for, with the seconds since any came; it may raise to leave."""
_IMAGES_AHEAD = 8
"""Images for each process that are prepared or on their way while the model computes."""


@dataclass(frozen=True, slots=True)
class Batch:
    """``pixels`` (n, size, size, 3) uint8, and the ``indices`` of the images that could be read.

    The pixels are the loader's own memory: they hold until the next batch is asked for.
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
    """Prepares the images of one recipe on ``pool``; on an empty one in the caller's own thread when asked for."""

    def __init__(
        self, recipe: Recipe, ground: tuple[int, int, int], places: list[CachePlace], pool: Pool
    ) -> None:
        self._preparer = Preparer(recipe, ground, {} if len(pool) else open_caches(places))
        self._pool = pool
        self._pending: dict[int, _Pending] = {}
        self._ticket = 0
        data = recipe.data
        # A rest of one image joins the batch before it.
        most = (data.batch_size + 1) * 3
        self._slot_bytes = most * max(self._preparer.size("train"), self._preparer.size("val")) ** 2
        self._ahead = 1 + math.ceil(_IMAGES_AHEAD * len(pool) / data.batch_size)
        # Twice: a prediction is made while the batches of an epoch lie ready.
        self._free = list(range(2 * (self._ahead + 1)))
        if len(pool):
            # Never smaller: an image process may still have the memory of an earlier loader before it.
            grown = max(os.fstat(pool.memory).st_size, len(self._free) * self._slot_bytes)
            os.ftruncate(pool.memory, grown)
            self._shared = np.frombuffer(mmap.mmap(pool.memory, 0), np.uint8)
            setup = Setup(recipe.model_dump_json().encode(), ground, self._slot_bytes, places)
            pool.set_up(setup)

    def batches(
        self, images: ImageSet, plan: Iterable[Indices], epoch: int, on_done: OnDone,
        poll: Poll = lambda _: None,
    ) -> Iterator[Batch]:  # fmt: skip
        """Yield the plan's batches in order; ``on_done`` hears of each image.

        An image that can't be used is left out of its batch, which may so become empty. The pixels don't
        depend on how many processes there are. Raises UserError when image processes die one after the other, and
        what ``poll`` raises. Without image processes a read that stalls is in this thread, and ``poll`` isn't called.
        """
        if not len(self._pool):
            for indices in plan:
                yield self._alone(images, indices, epoch, on_done)
            return
        waiting: deque[_Pending] = deque()
        try:
            for indices in plan:
                waiting.append(self._begin(images, indices, epoch, poll))
                if len(waiting) > self._ahead:
                    yield self._finish(images, waiting, on_done, poll)
                    self._let_go(waiting.popleft())
            while waiting:
                yield self._finish(images, waiting, on_done, poll)
                self._let_go(waiting.popleft())
        finally:
            for pending in waiting:
                self._let_go(pending)

    def _alone(self, images: ImageSet, indices: Indices, epoch: int, on_done: OnDone) -> Batch:
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

    def _begin(self, images: ImageSet, indices: Indices, epoch: int, poll: Poll) -> _Pending:
        while not self._free:  # batches that were left, but whose images are still being prepared
            self._hear(poll)
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
            self._hear(poll)
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

    def _hear(self, poll: Poll) -> None:
        if not (answers := self._pool.take()):
            # Not within ``take``: what is done meanwhile may read images, too.
            poll(self._pool.quiet)
        for done in answers:
            pending = self._pending[done.ticket]
            pending.done[done.place] = done
            pending.left -= 1
            if not pending.left and pending.abandoned:
                self._release(pending)

    def _let_go(self, pending: _Pending) -> None:
        if pending.left:
            pending.abandoned = True
        else:
            self._release(pending)

    def _release(self, pending: _Pending) -> None:
        del self._pending[pending.ticket]
        self._free.append(pending.slot)
