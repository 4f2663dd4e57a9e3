"""A run's images as the model takes them: batches on the device, normalised, with their labels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from engine.compute.device import to_device
from engine.core.text import encodable, printable
from engine.data.bottleneck import advice
from engine.data.cache_plan import Keeping
from engine.data.images import DataSet, ImageSet
from engine.data.listing import Keys, Listing, keys_of
from engine.data.loading.loader import Batch, Loader, Poll
from engine.data.loading.messages import Done
from engine.data.loading.pool import Pool
from engine.data.normalize import Normalize
from engine.data.order import Indices, plain_batches, train_batches
from engine.journal.events import BadImage, Event, Warning
from engine.journal.exclusions import Exclusions
from engine.recipe.recipe import Recipe

Waiting = Callable[[Iterator[Batch]], Iterator[Batch]]


@dataclass(frozen=True, slots=True)
class Batched:
    """``images`` (n, 3, size, size), ``labels`` (n,); both are empty where no file could be read.

    ``indices`` (n,) are the images' places in their set.
    """

    images: torch.Tensor
    labels: torch.Tensor
    indices: Indices

    def __len__(self) -> int:
        return len(self.labels)


def _nothing(_quiet: float) -> None:
    """Attend to nothing while images are waited for."""


class Feed:
    """Batches of the three splits.

    A file that can't be read is told to ``emit`` once and left out; one that is odd, or that changes while the
    run goes on, is told once and used. ``known_bad`` are the paths that were told of before, as in the journal.
    """

    def __init__(
        self, data: DataSet, recipe: Recipe, normalize: Normalize, device: torch.device,
        emit: Callable[[Event], object], known_bad: set[str], pool: Pool, exclusions: Exclusions,
    ) -> None:  # fmt: skip
        self.data = data
        self.exclusions = exclusions
        self.planned = 0
        """The epoch that was planned last: what is left out or restored now, is so from the next one on."""
        self._recipe = recipe
        self._normalize = normalize
        self._device = device
        self._emit = emit
        self._known_bad = known_bad
        self._noted: set[str] = set()
        self._workers = len(pool)
        self._epochs = 0
        self._wait_told = False
        self._stamps: dict[Path, int] = {}
        pool.told = self._hear_trouble
        self._troubles = 0
        self._keys: tuple[Keys, Keys] | None = None
        self._active = np.ones(len(data.train), np.bool_)
        """The training images that take part in the epoch that was planned last."""
        self._keeping = Keeping(recipe, data, pool.cache_memory)
        self._loader = Loader(recipe, normalize.ground, self._keeping.places, pool)

    @property
    def kept(self) -> str:
        """Where decoded images are kept, in words."""
        return self._keeping.where

    def close(self) -> None:
        self._keeping.close()

    def plan(self, epoch: int) -> list[Indices]:
        """Return which images make which step of an epoch: all but those that are left out in it."""
        self.planned, self._active = epoch, self._takes_part(epoch)
        active = np.flatnonzero(self._active)
        batches = train_batches(
            len(active), self._recipe.data.batch_size, seed=self._recipe.train.seed, epoch=epoch
        )
        return [active[batch] for batch in batches]

    def listing(self, epoch: int) -> Listing:
        """Return what a checkpoint keeps of the images, in the midst of ``epoch``."""
        if self._keys is None:
            train, val, classes = self.data.train, self.data.val, self.data.classes
            self._keys = keys_of(train, classes), keys_of(val, classes)
        return Listing(*self._keys, self._active if epoch == self.planned else self._takes_part(epoch))

    def unmatched(self) -> list[str]:
        """Return the paths of images that are left out, and which the training folder doesn't have."""
        known = {encodable(str(path)) for path in self.data.train.paths}
        return [path for path in self.exclusions.now() if path not in known]

    def _takes_part(self, epoch: int) -> npt.NDArray[np.bool_]:
        left_out = self.exclusions.at(epoch)
        if not left_out:
            return np.ones(len(self.data.train), np.bool_)
        return np.array([encodable(str(path)) not in left_out for path in self.data.train.paths], np.bool_)

    def train(
        self, plan: list[Indices], epoch: int, poll: Poll = _nothing, waiting: Waiting = iter
    ) -> Iterator[Batched]:
        """Yield the augmented batches of (the rest of) an epoch's plan; ``poll`` as ``Loader.batches`` calls it.

        ``waiting`` is put around the batches as they are read, before anything is asked of the device for them.
        """
        return self._batched(self.data.train, plan, epoch, poll, waiting)

    def val(self, poll: Poll = _nothing) -> Iterator[Batched]:
        return self._batched(self.data.val, self._in_order(self.data.val), 0, poll)

    def test(self, poll: Poll = _nothing) -> Iterator[tuple[torch.Tensor, Indices]]:
        """Yield images and their indices into ``data.test``."""
        plan = self._in_order(self.data.test)
        for batch in self._loader.batches(self.data.test, plan, 0, self._hear, poll):
            yield self._normalize(batch.pixels), batch.indices

    def judge_wait(self, waited: float, taken: float) -> None:
        """Tell, once, what to change when steps of ``taken`` seconds waited ``waited`` of them for images.

        The first epoch isn't judged, for it decodes what the others find in the cache; nor one in which an image
        process had to be replaced, or none answered for long.
        """
        troubles, self._troubles = self._troubles, 0
        self._epochs += 1
        if self._epochs == 1 or troubles:
            return
        message = advice(waited, taken, self._recipe.data, self._workers, self._keeping.where)
        if message and not self._wait_told:
            self._wait_told = True
            self._emit(Warning(message=message))

    def _in_order(self, images: ImageSet) -> list[Indices]:
        return plain_batches(np.arange(len(images)), self._recipe.data.batch_size)

    def _batched(
        self, images: ImageSet, plan: list[Indices], epoch: int, poll: Poll, waiting: Waiting = iter
    ) -> Iterator[Batched]:
        labels = np.array(images.labels)
        for batch in waiting(self._loader.batches(images, plan, epoch, self._hear, poll)):
            chosen = to_device(torch.from_numpy(labels[batch.indices]), self._device)
            yield Batched(self._normalize(batch.pixels), chosen, batch.indices)

    def _hear(self, images: ImageSet, index: int, done: Done) -> None:
        path = images.paths[index]
        if done.problem:
            named = encodable(str(path))
            if named not in self._known_bad:
                self._known_bad.add(named)
                self._emit(BadImage(path=named, reason=printable(done.problem), split=images.split))
            return
        if done.note:
            self._note(done.note)
        if self._stamps.setdefault(path, done.stamp) != done.stamp:
            self._note(f"{path}: changed while the run goes on; it is used as it is now")

    def _hear_trouble(self, message: str) -> None:
        self._troubles += 1
        self._emit(Warning(message=message))

    def _note(self, message: str) -> None:
        if message not in self._noted:
            self._noted.add(message)
            self._emit(Warning(message=printable(message, 500)))
