"""Nearest-neighbour upsampling by 2 followed by a 3x3 convolution, merged into one transposed convolution."""

import torch
from torch.nn import functional


def upsample_conv(
    maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, groups: int = 1
) -> torch.Tensor:
    """Return ``conv2d(interpolate(maps, scale_factor=2, mode="nearest"), weight, bias, padding=1)``.

    ``maps`` is (n, groups * in, height, width), ``weight`` (groups * out, in, 3, 3), the result
    (n, groups * out, 2 * height, 2 * width). Result and gradients are the same up to rounding.

    The nine taps of an output pixel fall on 2x2 source pixels, so taps on the same source pixel are summed beforehand.
    This gives four 2x2 kernels, one for each parity of the output row and column. Interleaved in one 4x4 kernel they
    are a transposed convolution of stride 2 (Shi et al. 2016, arXiv 1609.07009): 16 multiplications instead of 36.
    """
    return functional.conv_transpose2d(
        maps, transposed_kernels(weight, groups), bias, stride=2, padding=1, groups=groups
    )


def transposed_kernels(weight: torch.Tensor, groups: int = 1) -> torch.Tensor:
    """Return the kernels of the transposed convolution, (groups * in, out, 4, 4); linear in ``weight``."""
    swapped = weight.reshape(groups, -1, *weight.shape[1:]).transpose(1, 2).flatten(0, 1)
    return _merged(_merged(swapped, 2), 3)


def _merged(kernels: torch.Tensor, dim: int) -> torch.Tensor:
    """Combine three taps along ``dim`` into four.

    Source pixel m contributes tap k to output pixel 2m + k - 1. The taps of an even output pixel 2m read the source
    pixels m - 1, m, m; those of the odd pixel after it m, m, m + 1. Padding zeros of the upsampled map correspond to
    source pixels outside the map.
    """
    first, middle, last = kernels.unbind(dim)
    return torch.stack((last, middle + last, first + middle, first), dim)
