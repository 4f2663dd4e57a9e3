"""Batches of a run's images on the device, normalised and with labels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from engine.compute.device import to_device
from engine.core.text import encodable, printable
from engine.data.bottleneck import advice
from engine.data.cache_plan import CachePlan
from engine.data.images import DataSet, ImageSet
from engine.data.listing import Keys, Listing, keys_of
from engine.data.loading.loader import Batch, Loader, Poll
from engine.data.loading.messages import Done
from engine.data.loading.pool import Pool
from engine.data.normalize import Normalize
from engine.data.oddities import Oddities
from engine.data.order import Indices, plain_batches, train_batches
from engine.journal.events import BadImage, Event, RunWarning
from engine.journal.exclusions import Exclusions
from engine.recipe.recipe import Recipe

Waiting = Callable[[Iterator[Batch]], Iterator[Batch]]
"""Wraps the loader's batches, to measure the time spent waiting for them."""


@dataclass(frozen=True, slots=True)
class Batched:
    """A batch on the device: ``images`` (n, 3, size, size) float32 and ``labels`` (n,) int64.

    ``indices`` (n,) are the images' positions in their split. ``n`` is 0 if no file of the batch could be read.
    """

    images: torch.Tensor
    labels: torch.Tensor
    indices: Indices

    def __len__(self) -> int:
        return len(self.labels)


def _no_poll(_quiet: float) -> None:
    """Do nothing while waiting for images."""


class BatchStream:
    """Batches of the three splits.

    A file that can't be read is skipped, and reported once to ``emit``. A file that is unusual or changes during the
    run is used, and reported once. ``known_bad`` holds the paths reported before, as written in the journal.
    """

    def __init__(
        self, data: DataSet, recipe: Recipe, normalize: Normalize, device: torch.device,
        emit: Callable[[Event], object], known_bad: set[str], pool: Pool, exclusions: Exclusions,
    ) -> None:  # fmt: skip
        self.data = data
        self.exclusions = exclusions
        self.planned = 0
        """The last planned epoch; images excluded or restored now take effect in the next one."""
        self._recipe = recipe
        self._normalize = normalize
        self._device = device
        self._emit = emit
        self._known_bad = known_bad
        self._noted: set[str] = set()
        self._workers = len(pool)
        self._epochs = 0
        self._wait_reported = False
        self._stamps: dict[Path, int] = {}
        self._oddities = {"train": Oddities(), "val": Oddities(), "test": Oddities()}
        pool.told = self._report_trouble
        self._troubles = 0
        self._keys: tuple[Keys, Keys] | None = None
        self._active = np.ones(len(data.train), np.bool_)
        """Mask of the training images used in the last planned epoch."""
        self._cache_plan = CachePlan(recipe, data, pool.cache_memory)
        self._loader = Loader(recipe, normalize.ground, self._cache_plan.places, pool)

    @property
    def kept(self) -> str:
        """Where decoded images are cached, in words."""
        return self._cache_plan.where

    def close(self) -> None:
        """Close the cache files."""
        self._cache_plan.close()

    def plan(self, epoch: int) -> list[Indices]:
        """Return the training indices of each step of ``epoch``, without images excluded from it."""
        self.planned, self._active = epoch, self._active_mask(epoch)
        active = np.flatnonzero(self._active)
        batches = train_batches(
            len(active), self._recipe.data.batch_size, seed=self._recipe.train.seed, epoch=epoch
        )
        return [active[batch] for batch in batches]

    def listing(self, epoch: int) -> Listing:
        """Return the keys of the images for a checkpoint saved during ``epoch``."""
        if self._keys is None:
            self._keys = keys_of(self.data.train), keys_of(self.data.val)
        return Listing(*self._keys, self._active if epoch == self.planned else self._active_mask(epoch))

    def unmatched(self) -> list[str]:
        """Return the paths of excluded images that are not in the training folder."""
        known = {encodable(str(path)) for path in self.data.train.paths}
        return [path for path in self.exclusions.now() if path not in known]

    def _active_mask(self, epoch: int) -> npt.NDArray[np.bool_]:
        excluded = self.exclusions.at(epoch)
        if not excluded:
            return np.ones(len(self.data.train), np.bool_)
        return np.array([encodable(str(path)) not in excluded for path in self.data.train.paths], np.bool_)

    def train(
        self, plan: list[Indices], epoch: int, poll: Poll = _no_poll, waiting: Waiting = iter
    ) -> Iterator[Batched]:
        """Yield the augmented batches of ``plan``, which may be the remaining part of an epoch's.

        ``poll`` is called as by ``Loader.batches``. ``waiting`` wraps the batches before they are copied to the device.
        """
        return self._batched(self.data.train, plan, epoch, poll, waiting)

    def val(self, poll: Poll = _no_poll) -> Iterator[Batched]:
        """Yield the validation batches in order, without augmentation."""
        return self._batched(self.data.val, self._in_order(self.data.val), 0, poll)

    def test(self, poll: Poll = _no_poll) -> Iterator[tuple[torch.Tensor, Indices]]:
        """Yield test images (n, 3, size, size) in order, with their indices into ``data.test``."""
        plan = self._in_order(self.data.test)
        for batch in self._loader.batches(self.data.test, plan, 0, self._report, poll):
            yield self._normalize(batch.pixels), batch.indices
        self._report_oddities(self.data.test)

    def judge_wait(self, waited: float, taken: float) -> None:
        """Report once what to change if an epoch's steps waited for images for ``waited`` of ``taken`` seconds.

        Skips the first epoch, which decodes what later ones read from the cache, and epochs in which an image process
        was replaced or the processes stalled.
        """
        troubles, self._troubles = self._troubles, 0
        self._epochs += 1
        if self._epochs == 1 or troubles:
            return
        message = advice(waited, taken, self._recipe.data, self._workers, self._cache_plan.where)
        if message and not self._wait_reported:
            self._wait_reported = True
            self._emit(RunWarning(message=message))

    def _in_order(self, images: ImageSet) -> list[Indices]:
        return plain_batches(np.arange(len(images)), self._recipe.data.batch_size)

    def _batched(
        self, images: ImageSet, plan: list[Indices], epoch: int, poll: Poll, waiting: Waiting = iter
    ) -> Iterator[Batched]:
        labels = np.array(images.labels)
        for batch in waiting(self._loader.batches(images, plan, epoch, self._report, poll)):
            chosen = to_device(torch.from_numpy(labels[batch.indices]), self._device)
            yield Batched(self._normalize(batch.pixels), chosen, batch.indices)
        self._report_oddities(images)

    def _report(self, images: ImageSet, index: int, done: Done) -> None:
        path = images.paths[index]
        if done.problem:
            name = encodable(str(path))
            if name not in self._known_bad:
                self._known_bad.add(name)
                self._emit(BadImage(path=name, reason=printable(done.problem), split=images.split))
            return
        if done.note:
            self._note(done.note)
        for oddity in done.oddities:
            self._oddities[images.split].add(oddity, path)
        if self._stamps.setdefault(path, done.stamp) != done.stamp:
            self._note(f"{path}: changed during the run; the new version is used")

    def _report_trouble(self, message: str) -> None:
        self._troubles += 1
        self._emit(RunWarning(message=message))

    def _report_oddities(self, images: ImageSet) -> None:
        """Report what is odd about the images of a split after a pass over it, each kind once in a run."""
        for message in self._oddities[images.split].take(images.split):
            self._emit(RunWarning(message=message))

    def _note(self, message: str) -> None:
        if message not in self._noted:
            self._noted.add(message)
            self._emit(RunWarning(message=printable(message, 500)))
