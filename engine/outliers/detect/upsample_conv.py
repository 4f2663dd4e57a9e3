"""Nearest-neighbour upsampling by 2 and the 3x3 convolution after it, as one convolution of the small map."""

import torch
from torch.nn import functional


def upsample_conv(
    maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, groups: int = 1
) -> torch.Tensor:
    """Return ``conv2d(interpolate(maps, scale_factor=2, mode="nearest"), weight, bias, padding=1)``.

    ``maps`` is (n, groups * in, height, width), ``weight`` (groups * out, in, 3, 3), the outcome
    (n, groups * out, 2 * height, 2 * width). It differs by rounding only, and so do the gradients.

    Of the nine taps of an output pixel those that fall on the same source pixel are summed beforehand, which leaves
    2x2, and four such kernels: one for each parity of the pixel's row and column. Side by side in one kernel
    of 4x4 they are a transposed convolution of stride 2 (Shi et al. 2016, arXiv 1609.07009), with 16
    multiplications where there were 36.
    """
    return functional.conv_transpose2d(
        maps, transposed_kernels(weight, groups), bias, stride=2, padding=1, groups=groups
    )


def transposed_kernels(weight: torch.Tensor, groups: int = 1) -> torch.Tensor:
    """Return the kernels, (groups * in, out, 4, 4), of the transposed convolution; linear in ``weight``."""
    swapped = weight.reshape(groups, -1, *weight.shape[1:]).transpose(1, 2).flatten(0, 1)
    return _merged(_merged(swapped, 2), 3)


def _merged(kernels: torch.Tensor, dim: int) -> torch.Tensor:
    """Sum three taps along ``dim`` to four.

    Source pixel m gives tap k to output pixel 2m + k - 1. An even output pixel 2m reads, tap by tap, the source
    pixels m - 1, m, m; the odd one after it m, m, m + 1. What the padding of the upsampled map would give,
    zero, is here a source pixel that doesn't exist.
    """
    first, middle, last = kernels.unbind(dim)
    return torch.stack((last, middle + last, first + middle, first), dim)
