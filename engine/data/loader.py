"""Read, prepare and stack images on threads, some batches ahead of the model.

Threads suffice because decoding and resampling release the interpreter's lock; they start at once, die
with the process, and share everything.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.data.decode import BadImageError, Pixels
from engine.data.order import Indices

_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Batch:
    """``pixels`` (n, size, size, 3) uint8, and the ``indices`` of the images that could be read."""

    pixels: npt.NDArray[np.uint8]
    indices: Indices


def worker_count(asked: int) -> int:
    """Return how many threads read images; -1 asks for one for each core, up to 8."""
    return asked if asked >= 0 else min(8, len(os.sched_getaffinity(0)))


class Loader:
    """A pool of ``workers`` threads (0: read in the caller's own thread, as each batch is asked for)."""

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="images") if workers > 0 else None
        self._ahead = _AHEAD * max(1, workers)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def batches(
        self, plan: Iterable[Indices], prepare: Callable[[int], Pixels], on_bad: Callable[[int, str], None]
    ) -> Iterator[Batch]:
        """Yield the plan's batches in order; ``prepare`` turns an index into pixels.

        An image for which ``prepare`` raises BadImageError is left out of its batch and handed to
        ``on_bad`` with the reason; a batch may so become empty. The results don't depend on ``workers``.
        """
        if self._pool is None:
            for indices in plan:
                yield _stack(indices, [_prepared(prepare, int(index)) for index in indices], on_bad)
            return
        waiting: deque[tuple[Indices, list[Future[Pixels | str]]]] = deque()
        try:
            for indices in plan:
                tasks = [self._pool.submit(_prepared, prepare, int(index)) for index in indices]
                waiting.append((indices, tasks))
                if len(waiting) > self._ahead:
                    yield _finish(*waiting.popleft(), on_bad)
            while waiting:
                yield _finish(*waiting.popleft(), on_bad)
        finally:
            for _, tasks in waiting:
                for task in tasks:
                    task.cancel()


def _prepared(prepare: Callable[[int], Pixels], index: int) -> Pixels | str:
    try:
        return prepare(index)
    except BadImageError as error:
        return str(error)


def _finish(indices: Indices, tasks: list[Future[Pixels | str]], on_bad: Callable[[int, str], None]) -> Batch:
    return _stack(indices, [task.result() for task in tasks], on_bad)


def _stack(indices: Indices, results: list[Pixels | str], on_bad: Callable[[int, str], None]) -> Batch:
    for index, result in zip(indices, results, strict=True):
        if isinstance(result, str):
            on_bad(int(index), result)
    good = np.array([not isinstance(result, str) for result in results], dtype=bool)
    arrays = [result for result in results if not isinstance(result, str)]
    pixels = np.stack(arrays) if arrays else np.empty((0, 0, 0, 3), np.uint8)
    return Batch(pixels, indices[good])
