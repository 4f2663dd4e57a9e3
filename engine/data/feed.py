"""A run's images as the model takes them: batches on the device, normalised, with their labels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from engine.data.augment import augmented
from engine.data.decode import Pixels, read_image
from engine.data.geometry import to_square
from engine.data.images import DataSet, ImageSet
from engine.data.loader import Loader, worker_count
from engine.data.normalize import Normalize
from engine.data.order import Indices, plain_batches, train_batches
from engine.events import BadImage, Event
from engine.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Batched:
    """``images`` (n, 3, size, size), ``labels`` (n,); both are empty where no file could be read."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


class Feed:
    """Batches of the three splits. A file that can't be read is told to ``emit`` once and left out."""

    def __init__(
        self, data: DataSet, recipe: Recipe, normalize: Normalize, device: torch.device,
        emit: Callable[[Event], object], known_bad: set[str],
    ) -> None:  # fmt: skip
        self.data = data
        self._recipe = recipe
        self._normalize = normalize
        self._device = device
        self._emit = emit
        self._known_bad = known_bad
        self._loader = Loader(worker_count(recipe.data.workers))

    def close(self) -> None:
        self._loader.close()

    def plan(self, epoch: int) -> list[Indices]:
        """Return which images make which step of an epoch."""
        return train_batches(
            len(self.data.train), self._recipe.data.batch_size, seed=self._recipe.train.seed, epoch=epoch
        )

    def train(self, plan: list[Indices], epoch: int) -> Iterator[Batched]:
        """Yield the augmented batches of (the rest of) an epoch's plan."""
        recipe, paths = self._recipe, self.data.train.paths

        def prepare(index: int) -> Pixels:
            return augmented(
                read_image(paths[index]), recipe.augment, size=recipe.data.train_size, pad=recipe.data.pad,
                seed=recipe.train.seed, epoch=epoch, index=index,
            )  # fmt: skip

        return self._batched(self.data.train, plan, prepare)

    def val(self) -> Iterator[Batched]:
        return self._batched(self.data.val, self._in_order(self.data.val), self._plain(self.data.val))

    def test(self) -> Iterator[tuple[torch.Tensor, Indices]]:
        """Yield images and their indices into ``data.test``."""
        plan = self._in_order(self.data.test)
        for batch in self._loader.batches(plan, self._plain(self.data.test), self._report(self.data.test)):
            yield self._normalize(batch.pixels), batch.indices

    def _in_order(self, images: ImageSet) -> list[Indices]:
        return plain_batches(np.arange(len(images)), self._recipe.data.batch_size)

    def _plain(self, images: ImageSet) -> Callable[[int], Pixels]:
        data = self._recipe.data
        return lambda index: to_square(read_image(images.paths[index]), data.val_size, data.pad)

    def _batched(
        self, images: ImageSet, plan: list[Indices], prepare: Callable[[int], Pixels]
    ) -> Iterator[Batched]:
        labels = np.array(images.labels)
        for batch in self._loader.batches(plan, prepare, self._report(images)):
            chosen = torch.from_numpy(labels[batch.indices]).to(self._device, non_blocking=True)
            yield Batched(self._normalize(batch.pixels), chosen)

    def _report(self, images: ImageSet) -> Callable[[int, str], None]:
        def report(index: int, reason: str) -> None:
            path = str(images.paths[index])
            if path not in self._known_bad:
                self._known_bad.add(path)
                self._emit(BadImage(path=path, reason=reason, split=images.split))

        return report
