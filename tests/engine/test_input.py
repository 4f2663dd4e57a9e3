"""From pixels to batches: geometry, augmentation, order, loading."""

import numpy as np
import pytest
import torch

from engine.data.augment.augment import augmented
from engine.data.augment.geometry import Box, to_square
from engine.data.decode import Pixels
from engine.data.normalize import Normalize
from engine.data.order import sample_mixup, train_batches
from engine.recipe.sections import Augment


def ramp(width: int, height: int) -> Pixels:
    x, y = np.meshgrid(np.linspace(40, 250, width), np.linspace(40, 250, height))
    return np.stack([x, y, x], axis=2).astype(np.uint8)


def test_a_square_of_the_right_size_is_left_alone() -> None:
    picture = ramp(64, 64)
    assert np.array_equal(to_square(picture, 64, "square"), picture)
    assert np.array_equal(to_square(picture, 64, "square", flip=True), picture[:, ::-1])


@pytest.mark.parametrize(("width", "height"), [(96, 48), (48, 96), (300, 150)])
def test_padding_keeps_the_shape_of_things(width: int, height: int) -> None:
    out = to_square(ramp(width, height), 64, "square")
    if width > height:
        assert out[:14].max() == 0
        assert out[-14:].max() == 0
        inner = out[18:-18]
    else:
        assert out[:, :14].max() == 0
        inner = out[:, 18:-18]
    assert inner.min() >= 38
    stretched = to_square(ramp(width, height), 64, "stretch")
    assert stretched.min() >= 38
    assert abs(int(stretched[32, 32, 0]) - 145) <= 3


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 200
    out = to_square(stripes, 32, "square")
    assert out.min() >= 95
    assert out.max() <= 105


def test_a_box_is_that_part_of_the_canvas() -> None:
    picture = ramp(100, 100)
    out = to_square(picture, 50, "square", Box(0.5, 0.0, 0.5, 0.5))
    assert np.abs(out.astype(int) - picture[:50, 50:].astype(int)).max() <= 1


def test_a_sample_is_a_function_of_seed_epoch_and_index() -> None:
    def see(seed: int, epoch: int, index: int) -> bytes:
        picture = augmented(
            ramp(80, 60), Augment(), size=32, pad="square", seed=seed, epoch=epoch, index=index
        )
        return picture.tobytes()

    assert see(1, 2, 3) == see(1, 2, 3)
    assert len({see(1, 2, 3), see(2, 2, 3), see(1, 3, 3), see(1, 2, 4)}) == 4


def test_an_epoch_sees_each_image_once_and_no_batch_of_one() -> None:
    batches = train_batches(33, 8, seed=0, epoch=1)
    assert sorted(np.concatenate(batches).tolist()) == list(range(33))
    assert [len(batch) for batch in batches] == [8, 8, 8, 9]
    again = train_batches(33, 8, seed=0, epoch=1)
    assert all(np.array_equal(one, other) for one, other in zip(batches, again, strict=True))
    assert not np.array_equal(np.concatenate(batches), np.concatenate(train_batches(33, 8, seed=0, epoch=2)))


def test_normalising_is_the_usual_formula_in_channels_last() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), dtype=np.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    ours = Normalize(mean, std, torch.device("cpu"))(pixels)
    usual = (
        torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - torch.tensor(mean).view(3, 1, 1)
    ) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(ours, usual, rtol=1e-5, atol=1e-5)
    assert ours.is_contiguous(memory_format=torch.channels_last)


def test_mixup_draws_from_beta() -> None:
    shares = [sample_mixup(0.5, 4, seed=0, epoch=1, step=step)[0] for step in range(3000)]
    assert abs(np.mean(shares) - 0.5) < 0.03
    assert abs(np.var(shares) - 0.125) < 0.01  # a Beta(1/2, 1/2)
    _, partners = sample_mixup(0.5, 9, seed=0, epoch=1, step=1)
    assert sorted(partners.tolist()) == list(range(9))
