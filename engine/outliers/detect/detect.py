"""Outlier detection with either method: one verdict per class on a data set's training images."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from engine.compute.device import Precision, choose_device
from engine.data.images import DataSet, ImageSet
from engine.data.normalize import Normalize
from engine.model.build import build_model
from engine.model.fold import Folding
from engine.model.sizes import model_args
from engine.outliers.detect.autoencoder import ClassPixels, autoencoder_errors
from engine.outliers.detect.embedding import Embedder
from engine.outliers.detect.reading import Reader
from engine.outliers.detect.suspicion import suspicion
from engine.outliers.detect.verdict import ClassVerdict, judge
from engine.recipe.recipe import Recipe

TellEpoch = Callable[[int, int, float], object]
"""Called at the end of an autoencoder's epoch with class index, epoch (from 1) and mean squared error."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Scores the images of ``data.train`` with the method of the recipe's ``[outliers]``."""

    recipe: Recipe
    data: DataSet
    reader: Reader
    tell_epoch: TellEpoch

    def verdicts(self, judged: Collection[int]) -> Iterator[list[ClassVerdict]]:
        """Yield the classes' verdicts in groups, without the classes ``judged`` before.

        The caller may move the files of a group's outliers before it takes the next group. Raises UserError when the
        model or its weights are unavailable; exceptions of the reader's ``poll`` propagate.
        """
        labels = [label for label in range(len(self.data.classes)) if label not in judged]
        if not labels:
            return
        if self.recipe.outliers.method == "autoencoder":
            yield from self._by_autoencoder(labels)
        elif self.recipe.outliers.method == "embedding":
            yield [verdict for verdict in self._by_embedding() if verdict.label not in judged]

    def _by_autoencoder(self, labels: list[int]) -> Iterator[list[ClassVerdict]]:
        outliers = self.recipe.outliers
        members: dict[int, list[int]] = {}
        count = len(self.data.classes)
        train_of, val_of = (by_class(images.labels, count) for images in (self.data.train, self.data.val))

        def pixels() -> Iterator[ClassPixels]:
            for label in labels:
                members[label], train = self._pixels(self.data.train, train_of[label].tolist())
                _, val = self._pixels(self.data.val, val_of[label].tolist())
                yield ClassPixels(label, train, val)

        groups = autoencoder_errors(
            pixels(), epochs=outliers.epochs, seed=self.recipe.train.seed,
            device=choose_device(self.recipe.train.device), tell=self.tell_epoch, poll=self.reader.poll,
        )  # fmt: skip
        for group in groups:
            yield [
                judge(
                    found.label, members[found.label], found.train, found.val,
                    percentile=outliers.percentile, relax=outliers.relax,
                )
                for found in group
            ]  # fmt: skip

    def _pixels(self, images: ImageSet, chosen: list[int]) -> tuple[list[int], npt.NDArray[np.uint8]]:
        size = self.recipe.outliers.size
        # The report resizes without preserving the aspect ratio.
        batches = [
            (batch.indices, batch.pixels.copy())
            for batch in self.reader.batches(images, chosen, size=size, pad="stretch")
        ]
        pixels = np.concatenate([pixels for _, pixels in batches] or [np.empty((0, size, size, 3), np.uint8)])
        return [int(index) for indices, _ in batches for index in indices], pixels

    def _by_embedding(self) -> Iterator[ClassVerdict]:
        recipe, data = self.recipe, self.data
        device = choose_device(recipe.train.device)
        args = model_args(recipe.model, recipe.data.model_copy(update={"train_size": recipe.data.val_size}))
        built = build_model(recipe.model, len(data.classes), recipe.train.seed, args)
        precision = Precision.choose(device, recipe.optim.amp)
        model = Folding(precision)(built.module.to(device).to(memory_format=torch.channels_last).eval())
        embedder = Embedder(model, precision)
        normalize = Normalize(built.mean, built.std, device)

        def embedded(images: ImageSet) -> tuple[npt.NDArray[np.float32], list[int]]:
            seen: list[int] = []

            def batches() -> Iterator[torch.Tensor]:
                for batch in self.reader.batches(
                    images, range(len(images)), size=recipe.data.val_size, pad=recipe.data.pad
                ):
                    if len(batch.indices):
                        seen.extend(batch.indices.tolist())
                        yield normalize(batch.pixels)

            return embedder.embed(batches()), seen

        features, seen = embedded(data.train)
        val_features, val_seen = embedded(data.val)
        labels = np.array(data.train.labels)[seen]
        val_labels = np.array(data.val.labels)[val_seen]
        found = suspicion(features, labels, len(data.classes))
        val_errors = found.of(val_features, val_labels)
        owned = zip(by_class(labels, len(data.classes)), by_class(val_labels, len(data.classes)), strict=True)
        for label, (own, val_own) in enumerate(owned):
            yield judge(
                label, [seen[place] for place in own], found.errors[own].tolist(),
                val_errors[val_own].tolist(),
                percentile=recipe.outliers.percentile, relax=recipe.outliers.relax,
                looks_like=found.looks_like[own].tolist(),
            )  # fmt: skip


def by_class(labels: npt.ArrayLike, classes: int) -> list[npt.NDArray[np.intp]]:
    """Return for each class its positions in ``labels``, ascending.

    Sorts once: searching all labels for each class would take time proportional to images x classes.
    """
    known = np.asarray(labels, np.int64)
    order = np.argsort(known, kind="stable")
    return np.split(order, np.searchsorted(known[order], np.arange(1, classes)))
