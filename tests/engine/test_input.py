"""From pixels to batches: geometry, augmentation, order, loading."""

import threading

import numpy as np
import pytest
import torch

from engine.data.augment import augmented, random_box
from engine.data.decode import BadImageError, Pixels
from engine.data.geometry import WHOLE, Box, to_square
from engine.data.loader import Loader
from engine.data.mixup import draw_mix
from engine.data.normalize import Normalize
from engine.data.order import train_batches
from engine.recipe import Augment
from engine.rng import Purpose, stream


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


def test_random_boxes_are_torchvisions() -> None:
    boxes = [random_box(stream(0, Purpose.AUGMENT, 1, index), (0.5, 1.0)) for index in range(2000)]
    areas = np.array([box.width * box.height for box in boxes if box != WHOLE])
    ratios = np.array([box.width / box.height for box in boxes if box != WHOLE])
    assert areas.min() >= 0.5
    assert areas.max() <= 1.0
    assert ratios.min() >= 3 / 4 - 1e-9
    assert ratios.max() <= 4 / 3 + 1e-9
    assert all(box.x >= 0 and box.x + box.width <= 1 + 1e-9 for box in boxes)
    from torchvision.transforms import RandomResizedCrop

    blank = torch.zeros(3, 1000, 1000)
    torch.manual_seed(0)
    theirs = np.array([RandomResizedCrop.get_params(blank, [0.5, 1.0], [3 / 4, 4 / 3]) for _ in range(2000)])
    ours = np.array([box.width * box.height for box in boxes])
    assert abs(np.median(ours) - np.median(theirs[:, 2] * theirs[:, 3] / 1e6)) < 0.02
    assert abs(np.median([box.x for box in boxes]) - np.median(theirs[:, 1]) / 1000) < 0.02


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


@pytest.mark.parametrize("workers", [0, 1, 8])
def test_batches_come_in_order_whatever_the_workers(workers: int) -> None:
    plan = train_batches(50, 7, seed=0, epoch=1)
    bad: list[tuple[int, str]] = []

    def prepare(index: int) -> Pixels:
        if index % 10 == 3:
            raise BadImageError("torn")
        return np.full((2, 2, 3), index, np.uint8)

    loader = Loader(workers)
    got = list(loader.batches(plan, prepare, lambda index, reason: bad.append((index, reason))))
    loader.close()
    assert len(got) == len(plan)
    for batch, indices in zip(got, plan, strict=True):
        assert batch.indices.tolist() == [index for index in indices if index % 10 != 3]
        assert batch.pixels[:, 0, 0, 0].tolist() == batch.indices.tolist()
    assert sorted(bad) == [(index, "torn") for index in (3, 13, 23, 33, 43)]


def test_a_loader_left_early_leaves_no_thread() -> None:
    before = threading.active_count()
    loader = Loader(3)
    batches = loader.batches(
        train_batches(1000, 4, seed=0, epoch=1),
        lambda index: np.zeros((8, 8, 3), np.uint8),
        lambda i, r: None,
    )
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    loader.close()
    assert threading.active_count() == before


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
    shares = [draw_mix(0.5, 4, seed=0, epoch=1, step=step)[0] for step in range(3000)]
    assert abs(np.mean(shares) - 0.5) < 0.03
    assert abs(np.var(shares) - 0.125) < 0.01  # a Beta(1/2, 1/2)
    _, partners = draw_mix(0.5, 9, seed=0, epoch=1, step=1)
    assert sorted(partners.tolist()) == list(range(9))
