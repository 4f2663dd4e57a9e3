"""Image batches for the detectors: each image once, not augmented, in the order of its split."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.data.images import ImageSet
from engine.data.loading.loader import Batch, Loader
from engine.data.loading.messages import Done
from engine.data.loading.pool import Pool
from engine.data.order import plain_batches
from engine.recipe.recipe import Recipe

OnBad = Callable[[ImageSet, int, str], object]
"""Called for an image that can't be read, with its set, its index in the set and the reason."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads image batches in the pool's processes. Nothing is cached, as each image is read once."""

    recipe: Recipe
    pool: Pool
    on_bad: OnBad
    poll: Callable[[], object]
    tick: Callable[[int], object]
    """Called with the number of images processed since the last call."""

    def batches(
        self, images: ImageSet, chosen: Sequence[int], *, size: int, pad: Literal["square", "stretch"]
    ) -> Iterator[Batch]:
        """Yield the ``chosen`` images of a set in batches, resized to ``size`` x ``size`` px.

        ``poll`` is called between batches, and about once a second while waiting for one. Its exceptions propagate.
        """
        data = self.recipe.data.model_copy(update={"train_size": size, "val_size": size, "pad": pad})
        loader = Loader(self.recipe.model_copy(update={"data": data}), (0, 0, 0), [], self.pool)
        # Prepared like validation images, that is, without random augmentation.
        plain = ImageSet("val", images.paths, [])

        def on_done(_plain: ImageSet, index: int, done: Done) -> None:
            if done.problem:
                self.on_bad(images, index, done.problem)

        def poll(_quiet: float) -> None:
            self.poll()

        plan = plain_batches(np.asarray(chosen, np.int64), data.batch_size)
        for indices, batch in zip(plan, loader.batches(plain, plan, 0, on_done, poll), strict=True):
            self.poll()
            yield batch
            self.tick(len(indices))
