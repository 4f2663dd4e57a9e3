"""The report's detector: one autoencoder per class, which reconstructs images of other classes poorly.

1.8 times as fast as a plain training loop on two CPU cores (benchmarks/autoencoder_speed.py). Float32 rounding, which
Adam amplifies where gradients are near 0, moved the thresholds of photographs by at most 0.3 % in 30 epochs;
``channels_last`` alone moves those of the plain loop as much.
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
# Classes trained together on a GPU: the small feature maps of one class don't fill it. They do fill a CPU.
_GPU_GROUP = 8
# Limit, in bytes, of the largest feature maps (32 channels at full size) that a CPU computes at a time. Larger batches
# are split, so that maps stay in the cache and the allocator reuses their memory instead of returning it.
_CPU_MAPS = 16 * 2**20


@dataclass(frozen=True, slots=True)
class ClassPixels:
    """Decoded images of one class, kept for all epochs: uint8, (n, size, size, 3), size a multiple of 4."""

    label: int
    train: npt.NDArray[np.uint8]
    val: npt.NDArray[np.uint8]
    """May be empty."""


@dataclass(frozen=True, slots=True)
class ClassErrors:
    """Reconstruction errors of one class's images, in their order; both lists are empty without training images."""

    label: int
    train: list[float]
    val: list[float]


Tell = Callable[[int, int, float], object]
"""Called at the end of an epoch with class label, epoch (from 1) and mean squared error over the epoch."""


def autoencoder_errors(
    classes: Iterable[ClassPixels], *, epochs: int, seed: int, device: torch.device, tell: Tell,
    poll: Callable[[], object],
) -> Iterator[list[ClassErrors]]:  # fmt: skip
    """Yield the classes' errors in groups: up to eight classes, trained together, on a CUDA device, otherwise one.

    A class is taken from ``classes`` just before its group is trained. Initial weights and batch orders depend only on
    (seed, label), so a class gets the same errors whichever classes precede or accompany it: bit for bit on a CPU, up
    to rounding on a GPU (TF32 where torch allows it). ``poll`` is called before each batch; its exceptions propagate.
    """
    remaining = iter(classes)
    while group := list(islice(remaining, _GPU_GROUP if device.type == "cuda" else 1)):
        yield group_errors(group, epochs=epochs, seed=seed, device=device, tell=tell, poll=poll)


def group_errors(
    group: Sequence[ClassPixels], *, epochs: int, seed: int, device: torch.device, tell: Tell,
    poll: Callable[[], object],
) -> list[ClassErrors]:  # fmt: skip
    """Train the group's autoencoders together, as grouped convolutions, and return their errors in group order."""
    members = {one.label: _Member.new(one, seed, device) for one in group if len(one.train)}
    _train(list(members.values()), epochs, seed, tell, poll)
    found = []
    for one in group:
        member = members.get(one.label)
        if member is None:
            found.append(ClassErrors(one.label, [], []))
            continue
        val = torch.from_numpy(one.val).to(device)
        found.append(ClassErrors(one.label, _errors(member, member.images, poll), _errors(member, val, poll)))
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
            # A class whose batches are used up has no gradient; Adam skips it and leaves its moments unchanged.
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
    """Compute the weights' gradients for one batch per class and return the mean squared errors, (classes,)."""
    pixels, scales = _side_by_side([member.images[rows] for member, rows in active])
    weights = [member.weights for member, _ in active]
    losses = torch.zeros_like(scales[0])
    parts = _parts(pixels)
    for images, scale in zip(pixels.tensor_split(parts), scales.tensor_split(parts), strict=True):
        loss = (image_errors(images, weights) * scale).sum(0)
        torch.autograd.backward(loss.sum())
        losses += loss.detach()
    return losses


def _side_by_side(batches: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pixels as (n, size, size, classes, 3) and each image's factor in its class's loss, (n, classes).

    Shorter batches are padded with black images, whose factor is 0.
    """
    longest, classes = max(len(batch) for batch in batches), len(batches)
    pixels = batches[0].new_zeros((longest, *batches[0].shape[1:3], classes, 3))
    scales = batches[0].new_zeros((longest, classes), dtype=torch.float32)
    for place, batch in enumerate(batches):
        pixels[: len(batch), :, :, place] = batch
        scales[: len(batch), place] = 1 / len(batch)
    return pixels, scales


def _parts(pixels: torch.Tensor) -> int:
    """Return the number of parts to split a batch, (n, size, size, classes, 3), into."""
    if pixels.device.type != "cpu":
        return 1
    images, size, _, classes, _ = pixels.shape
    return min(images, -(-images * size * size * classes * FIRST_CHANNELS * 4 // _CPU_MAPS))


@torch.inference_mode()
def _errors(member: _Member, images: torch.Tensor, poll: Callable[[], object]) -> list[float]:
    errors: list[float] = []
    for start in range(0, len(images), _BATCH):
        poll()
        batch = images[start : start + _BATCH].unsqueeze(3)
        found = [image_errors(part, [member.weights]) for part in batch.tensor_split(_parts(batch))]
        errors += torch.cat(found).flatten().tolist()
    return errors
