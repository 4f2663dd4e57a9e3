"""The report's convolutional autoencoder, for one class or several at once (method.md, Outlier detection)."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional

from engine.outliers.detect.upsample_conv import upsample_conv

FIRST_CHANNELS = 32
"""Channels of the largest feature maps, which have the size of the images."""
_CHANNELS = (3, FIRST_CHANNELS, 64, 128, 64, 32, 3)
_SHAPES = [shape for n_in, n_out in pairwise(_CHANNELS) for shape in ((n_out, n_in, 3, 3), (n_out,))]
_LENGTHS = [int(np.prod(shape)) for shape in _SHAPES]


def first_weights(rng: np.random.Generator) -> torch.Tensor:
    """Return the initial weights of one autoencoder as one vector: for each convolution its kernels, then its biases.

    Drawn uniformly from ±1 / sqrt(fan-in), PyTorch's default for ``Conv2d`` (He et al. 2015 with a = √5).
    """
    parts = []
    for n_in, n_out in pairwise(_CHANNELS):
        inputs = n_in * 3 * 3
        parts.append(rng.uniform(-1, 1, n_out * inputs + n_out) / np.sqrt(inputs))
    return torch.from_numpy(np.concatenate(parts).astype(np.float32))


def image_errors(pixels: torch.Tensor, weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return each image's error, (n, classes): the mean of (image - reconstruction)² over pixels and channels.

    ``pixels`` is uint8, (n, size, size, classes, 3), size a multiple of 4. ``weights`` has one vector per class. This
    layout is ``channels_last`` already, so no map is copied to another layout.
    """
    images = pixels.flatten(3).permute(0, 3, 1, 2).float().div_(255)
    difference = _reconstructed(images, weights) - images
    by_class = difference.view(len(images), len(weights), 3, *images.shape[2:])
    return by_class.square().mean((2, 3, 4))


def _reconstructed(images: torch.Tensor, weights: Sequence[torch.Tensor]) -> torch.Tensor:
    groups = len(weights)
    parts = torch.split(torch.stack(tuple(weights)), _LENGTHS, 1)
    shaped = [part.reshape(groups * shape[0], *shape[1:]) for part, shape in zip(parts, _SHAPES, strict=True)]
    layers = zip(shaped[::2], shaped[1::2], strict=True)
    maps = images
    for _ in range(2):
        maps = functional.conv2d(maps, *next(layers), padding=1, groups=groups)
        # Max-pooling before the ReLU: the same values and gradients as in the report's order, a quarter of the work.
        maps = functional.max_pool2d(maps, 2).relu_()
    for _ in range(2):
        maps = functional.conv2d(maps, *next(layers), padding=1, groups=groups).relu_()
    maps = upsample_conv(maps, *next(layers), groups).relu_()
    return upsample_conv(maps, *next(layers), groups).sigmoid_()
