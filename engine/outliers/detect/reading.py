"""Images as a detector takes them: every one once, plain, in the order of its split."""

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
"""Hears of an image that can't be read: its set, its index there, the reason."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads with the pool's processes; no decoded image is kept, for each is read once."""

    recipe: Recipe
    pool: Pool
    on_bad: OnBad
    poll: Callable[[], object]
    tick: Callable[[int], object]
    """Hears of so many more images that were dealt with."""

    def batches(
        self, images: ImageSet, chosen: Sequence[int], *, size: int, pad: Literal["square", "stretch"]
    ) -> Iterator[Batch]:
        """Yield the ``chosen`` images of a set, ``size`` px a side, in batches; ``poll`` is called between them, and
        about once a second while they are waited for.

        Raises what ``poll`` raises.
        """
        data = self.recipe.data.model_copy(update={"train_size": size, "val_size": size, "pad": pad})
        loader = Loader(self.recipe.model_copy(update={"data": data}), (0, 0, 0), [], self.pool)
        # As validation images are prepared: nothing is drawn.
        plain = ImageSet("val", images.paths, [])

        def hear(_plain: ImageSet, index: int, done: Done) -> None:
            if done.problem:
                self.on_bad(images, index, done.problem)

        def poll(_quiet: float) -> None:
            self.poll()

        plan = plain_batches(np.asarray(chosen, np.int64), data.batch_size)
        for asked, batch in zip(plan, loader.batches(plain, plan, 0, hear, poll), strict=True):
            self.poll()
            yield batch
            self.tick(len(asked))
