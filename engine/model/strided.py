"""Strided 1x1 convolutions that oneDNN gets wrong on a CPU."""

from typing import Any

import torch
from torch import nn

_BLOCK = 16
"""Channels of a block in oneDNN's layouts for AVX-512; narrower inputs are affected."""


def avoid_heap_corruption(model: nn.Module) -> int:
    """Make strided 1x1 convolutions of few channels safe on a CPU, and return how many there are.

    In channels_last, oneDNN's weight gradient of such a convolution writes beyond its buffer, seen with torch 2.14
    from 3 to 12 input channels at 128 px and above (repvgg, mobileone and fastvit end with SIGSEGV or SIGABRT). Taking
    every n-th pixel first and convolving with stride 1 gives the same numbers on another path. The model keeps its
    layout and its weights' names. A GPU isn't affected.
    """
    found = 0
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and _is_affected(module):
            rows, columns = module.stride[0], module.stride[1]
            module.register_forward_pre_hook(_Subsample(rows, columns))
            module.stride = (1, 1)
            found += 1
    return found


def _is_affected(module: nn.Conv2d) -> bool:
    return (
        module.kernel_size == (1, 1)
        and max(module.stride) > 1
        and module.padding in ((0, 0), "valid")
        and module.groups == 1
        and module.in_channels < _BLOCK
    )


class _Subsample:
    """Takes every n-th row and column of a convolution's input. A class, since hooks are copied with the model."""

    def __init__(self, rows: int, columns: int) -> None:
        self._rows = rows
        self._columns = columns

    def __call__(self, module: nn.Module, inputs: tuple[torch.Tensor, *tuple[Any, ...]]) -> Any:
        images, *more = inputs
        subsampled = images[:, :, :: self._rows, :: self._columns]
        return (subsampled.contiguous(memory_format=torch.channels_last), *more)
