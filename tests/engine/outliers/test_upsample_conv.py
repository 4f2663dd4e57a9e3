"""The upsampling convolution against the two layers that it stands for: outputs, gradients, borders."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from engine.outliers.detect.upsample_conv import transposed_kernels, upsample_conv

Outcome = tuple[torch.Tensor, ...]


def two_layers(maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, groups: int = 1) -> torch.Tensor:
    large = functional.interpolate(maps, scale_factor=2, mode="nearest")
    return functional.conv2d(large, weight, bias, padding=1, groups=groups)


def made(*shape: int, dtype: torch.dtype, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype, generator=generator).requires_grad_()


def both(
    dtype: torch.dtype, images: int, groups: int, n_in: int, n_out: int, height: int, width: int, seed: int
) -> tuple[Outcome, Outcome]:
    """Return the output and the gradients of maps, weight and bias, of ours and of the two layers."""
    generator = torch.Generator().manual_seed(seed)
    maps = made(images, groups * n_in, height, width, dtype=dtype, generator=generator)
    weight = made(groups * n_out, n_in, 3, 3, dtype=dtype, generator=generator)
    bias = made(groups * n_out, dtype=dtype, generator=generator)
    ours, theirs = upsample_conv(maps, weight, bias, groups), two_layers(maps, weight, bias, groups)
    weighting = torch.randn(theirs.shape, dtype=dtype, generator=generator)
    inputs = (maps, weight, bias)
    return (
        (ours, *torch.autograd.grad(ours, inputs, weighting)),
        (theirs, *torch.autograd.grad(theirs, inputs, weighting)),
    )


SHAPES = {
    "images": st.integers(1, 3),
    "groups": st.integers(1, 3),
    "n_in": st.integers(1, 9),
    "n_out": st.integers(1, 9),
    "height": st.integers(1, 11),
    "width": st.integers(1, 11),
    "seed": st.integers(0, 2**32),
}


@settings(deadline=None)
@given(**SHAPES)
def test_equal_in_float64(
    images: int, groups: int, n_in: int, n_out: int, height: int, width: int, seed: int
) -> None:
    ours, theirs = both(torch.float64, images, groups, n_in, n_out, height, width, seed)
    for found, expected in zip(ours, theirs, strict=True):
        assert found.shape == expected.shape
        assert (found - expected).abs().max() <= 1e-12 * expected.abs().max().clamp(min=1)


@settings(deadline=None)
@given(**SHAPES)
def test_equal_to_the_rounding_of_float32(
    images: int, groups: int, n_in: int, n_out: int, height: int, width: int, seed: int
) -> None:
    ours, theirs = both(torch.float32, images, groups, n_in, n_out, height, width, seed)
    for found, expected in zip(ours, theirs, strict=True):
        assert (found - expected).abs().max() <= 1e-5 * expected.abs().max().clamp(min=1)


@pytest.mark.parametrize(("n_in", "n_out", "side"), [(64, 32, 32), (32, 3, 64)])
def test_the_autoencoders_own_layers(n_in: int, n_out: int, side: int) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, n_in, side, side, generator=generator).to(memory_format=torch.channels_last)
    weight = torch.randn(n_out, n_in, 3, 3, generator=generator)
    bias = torch.randn(n_out, generator=generator)
    found = upsample_conv(maps, weight, bias)
    assert found.is_contiguous(memory_format=torch.channels_last)
    expected = two_layers(maps.double(), weight.double(), bias.double())
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_small_whole_numbers_come_out_exact_at_the_border_too() -> None:
    maps = torch.arange(1.0, 7.0).reshape(1, 1, 2, 3)
    weight = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    assert upsample_conv(maps, weight, torch.ones(1)).equal(two_layers(maps, weight, torch.ones(1)))


def test_the_kernels_are_four_of_two_by_two() -> None:
    rows = torch.tensor([1.0, 10.0, 100.0])
    kernel = transposed_kernels((rows[:, None] * rows).reshape(1, 1, 3, 3))[0, 0]
    merged = torch.tensor([100.0, 110.0, 11.0, 1.0])
    assert kernel.equal(merged[:, None] * merged)
    # An output row reads kernel rows of one parity alone: two of them, which together have all three taps.
    assert merged[::2].sum() == merged[1::2].sum() == rows.sum()
