"""The report's detector: an autoencoder for each class, which reconstructs badly what doesn't belong there.

It is 1.8 times as fast as a plain loop on two CPU cores (benchmarks/autoencoder_speed.py). In 30 epochs float32's
rounding, which Adam makes more of where gradients are near 0, moved thresholds of photographs by at most 0.3 %, as
``channels_last`` alone does to the plain loop.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

import numpy as np
import numpy.typing as npt
import torch

from engine.compute.rng import Purpose, stream
from engine.outliers.detect.autoencoder_net import FIRST_CHANNELS, first_weights, image_errors

_BATCH = 32
# Classes trained side by side on a GPU, which one class's small maps don't fill; a CPU's cores they do.
_GPU_GROUP = 8
# Bytes of the largest maps (32 channels at full size) that a CPU computes at a time. A batch is computed in parts no
# larger, so that maps stay in its cache and the allocator keeps their memory instead of returning it.
_CPU_MAPS = 16 * 2**20


@dataclass(frozen=True, slots=True)
class ClassPixels:
    """One class's images, decoded once for all epochs: (n, size, size, 3), size a multiple of 4."""

    label: int
    train: npt.NDArray[np.uint8]
    val: npt.NDArray[np.uint8]
    """May have no image."""


@dataclass(frozen=True, slots=True)
class ClassErrors:
    """An error for each of a class's images, in their order; none at all where there was nothing to train on."""

    label: int
    train: list[float]
    val: list[float]


Tell = Callable[[int, int, float], object]
"""Hears at the end of an epoch: class label, epoch from 1, mean squared error over the epoch."""


def autoencoder_errors(
    classes: Iterable[ClassPixels], *, epochs: int, seed: int, device: torch.device, tell: Tell,
    poll: Callable[[], object],
) -> Iterator[list[ClassErrors]]:  # fmt: skip
    """Yield the classes' errors in groups: of one class, on a CUDA device of up to eight trained side by side.

    A class is drawn from ``classes`` when its group is about to be trained. Weights and orders are drawn
    from (seed, label) alone, so a class gets the same errors whichever classes go before or beside it: bit for
    bit on a CPU, but for rounding on a GPU, which is TF32's where torch allows that. ``poll`` is called before each
    batch; what it raises goes through.
    """
    remaining = iter(classes)
    while group := list(islice(remaining, _GPU_GROUP if device.type == "cuda" else 1)):
        yield group_errors(group, epochs=epochs, seed=seed, device=device, tell=tell, poll=poll)


def group_errors(
    group: Sequence[ClassPixels], *, epochs: int, seed: int, device: torch.device, tell: Tell,
    poll: Callable[[], object],
) -> list[ClassErrors]:  # fmt: skip
    """Train the group's autoencoders side by side, as grouped convolutions, and return the errors in its order."""
    members = {one.label: _Member.new(one, seed, device) for one in group if len(one.train)}
    _train(list(members.values()), epochs, seed, tell, poll)
    found = []
    for one in group:
        member = members.get(one.label)
        if member is None:
            found.append(ClassErrors(one.label, [], []))
            continue
        val = torch.from_numpy(one.val).to(device)
        found.append(ClassErrors(one.label, _read(member, member.images, poll), _read(member, val, poll)))
    return found


@dataclass(frozen=True, slots=True)
class _Member:
    label: int
    images: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def new(cls, one: ClassPixels, seed: int, device: torch.device) -> "_Member":
        weights = first_weights(stream(seed, Purpose.AUTOENCODER, 0, one.label)).to(device)
        return cls(one.label, torch.from_numpy(one.train).to(device), weights.requires_grad_())


def _train(members: list[_Member], epochs: int, seed: int, tell: Tell, poll: Callable[[], object]) -> None:
    if not members:
        return
    optimizer = torch.optim.Adam([member.weights for member in members], fused=True)
    for epoch in range(1, epochs + 1):
        plans = [_batches(member, seed, epoch) for member in members]
        sums = {member.label: member.weights.new_zeros(()) for member in members}
        for step in zip_longest(*plans):
            poll()
            # A class without such a batch has no gradient, which Adam passes over, its moments included.
            active = [(member, rows) for member, rows in zip(members, step, strict=True) if rows is not None]
            optimizer.zero_grad()
            losses = _gradients(active)
            optimizer.step()
            for (member, rows), loss in zip(active, losses, strict=True):
                sums[member.label] += loss * len(rows)
        for member in members:
            tell(member.label, epoch, sums[member.label].item() / len(member.images))


def _batches(member: _Member, seed: int, epoch: int) -> Sequence[torch.Tensor]:
    order = stream(seed, Purpose.AUTOENCODER, epoch, member.label).permutation(len(member.images))
    return torch.split(torch.from_numpy(order).to(member.images.device), _BATCH)


def _gradients(active: list[tuple[_Member, torch.Tensor]]) -> torch.Tensor:
    """Give the weights their gradients of a batch and return its mean squared errors, (classes,)."""
    pixels, shares = _side_by_side([member.images[rows] for member, rows in active])
    weights = [member.weights for member, _ in active]
    losses = torch.zeros_like(shares[0])
    parts = _parts(pixels)
    for some, their_shares in zip(pixels.tensor_split(parts), shares.tensor_split(parts), strict=True):
        loss = (image_errors(some, weights) * their_shares).sum(0)
        torch.autograd.backward(loss.sum())
        losses += loss.detach()
    return losses


def _side_by_side(batches: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pixels as (n, size, size, classes, 3) and each image's share in its class's loss, (n, classes).

    The shorter batches are filled up with black images, whose share is 0.
    """
    longest, classes = max(len(batch) for batch in batches), len(batches)
    pixels = batches[0].new_zeros((longest, *batches[0].shape[1:3], classes, 3))
    shares = batches[0].new_zeros((longest, classes), dtype=torch.float32)
    for place, batch in enumerate(batches):
        pixels[: len(batch), :, :, place] = batch
        shares[: len(batch), place] = 1 / len(batch)
    return pixels, shares


def _parts(pixels: torch.Tensor) -> int:
    """Return into how many parts to cut a batch, (n, size, size, classes, 3)."""
    if pixels.device.type != "cpu":
        return 1
    images, size, _, classes, _ = pixels.shape
    return min(images, -(-images * size * size * classes * FIRST_CHANNELS * 4 // _CPU_MAPS))


@torch.inference_mode()
def _read(member: _Member, images: torch.Tensor, poll: Callable[[], object]) -> list[float]:
    errors: list[float] = []
    for start in range(0, len(images), _BATCH):
        poll()
        batch = images[start : start + _BATCH].unsqueeze(3)
        found = [image_errors(some, [member.weights]) for some in batch.tensor_split(_parts(batch))]
        errors += torch.cat(found).flatten().tolist()
    return errors
