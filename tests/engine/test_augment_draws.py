"""How the training augmentation's parameters are drawn: as torchvision's are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms as theirs
from scipy.stats import ks_2samp

from engine.compute.rng import Purpose, stream
from engine.data.augment.draw import Draw, draw
from engine.recipe.sections import Augment

SIZE, DRAWS = 256, 3000


# The least p of about twenty comparisons; draws are fixed, so a test that passes goes on passing.
ALIKE = 0.005


def draws(recipe: Augment, count: int = DRAWS) -> list[Draw]:
    return [draw(stream(0, Purpose.AUGMENT, 1, index), recipe, SIZE) for index in range(count)]


def many(get: Callable[[], Any]) -> np.ndarray:
    torch.manual_seed(0)
    return np.array([np.ravel(get()) for _ in range(DRAWS)], dtype=np.float64)


def assert_alike(ours: list[Any], others: np.ndarray) -> None:
    mine = np.array([np.ravel(one) for one in ours], dtype=np.float64)
    assert mine.shape[1] == others.shape[1]
    for column in range(mine.shape[1]):
        assert ks_2samp(mine[:, column], others[:, column]).pvalue > ALIKE, column


@pytest.fixture(scope="module")
def drawn() -> list[Draw]:
    return draws(Augment())


BLANK = torch.zeros(3, SIZE, SIZE)


@pytest.mark.parametrize("scale", [(0.5, 1.0), (0.08, 0.3)])
def test_crops_are_drawn_as_torchvisions(scale: tuple[float, float]) -> None:
    ours = [d.crop for d in draws(Augment(crop_scale=scale))]
    others = many(lambda: theirs.RandomResizedCrop.get_params(BLANK, list(scale), [3 / 4, 4 / 3]))
    assert_alike([(c.top, c.left, c.height, c.width) for c in ours], others)
    assert all(c.top + c.height <= SIZE and c.left + c.width <= SIZE for c in ours)


def test_colours_are_drawn_as_torchvisions(drawn: list[Draw]) -> None:
    ours = [(d.colour.brightness, d.colour.contrast, d.colour.saturation, d.colour.hue) for d in drawn]
    jitter = theirs.ColorJitter(0.4, 0.5, 0.5, 0.3)
    ranges = (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)
    assert_alike(ours, many(lambda: theirs.ColorJitter.get_params(*ranges)[1:]))
    orders = [d.colour.order for d in drawn]
    assert len(set(orders)) == 24
    assert max(orders.count(order) for order in set(orders)) < 1.4 * DRAWS / 24


def test_rotation_and_affine_are_drawn_as_torchvisions(drawn: list[Draw]) -> None:
    assert_alike([d.angle for d in drawn], many(lambda: theirs.RandomRotation.get_params([-45.0, 45.0])))

    def params() -> list[float]:
        angle, moved, scale, shear = theirs.RandomAffine.get_params(
            [0.0, 0.0], [0.1, 0.1], [0.9, 1.1], [-10.0, 10.0], [SIZE, SIZE]
        )
        assert angle == 0.0
        assert shear[1] == 0.0
        return [*moved, scale, shear[0]]

    assert_alike([(*d.translate, d.scale, d.shear) for d in drawn], many(params))
    assert abs(np.mean([d.flip for d in drawn]) - 0.5) < 0.03


def test_perspectives_are_drawn_as_torchvisions(drawn: list[Draw]) -> None:
    share = np.mean([d.corners is not None for d in drawn])
    assert abs(share - 0.5) < 0.03
    ours = [d.corners for d in draws(Augment(perspective_p=1.0))]
    assert_alike(ours, many(lambda: theirs.RandomPerspective.get_params(SIZE, SIZE, 0.3)[1]))


def test_erasing_is_drawn_as_torchvisions(drawn: list[Draw]) -> None:
    assert abs(np.mean([d.erase is not None for d in drawn]) - 0.4) < 0.03
    holes = [d.erase for d in draws(Augment(reprob=1.0))]
    others = many(lambda: theirs.RandomErasing.get_params(BLANK, (0.02, 0.25), (0.3, 3.3), [0.0])[:4])
    assert_alike([(h.top, h.left, h.height, h.width) for h in holes if h is not None], others)


def test_a_key_changes_its_own_draw_only() -> None:
    plain, other = draws(Augment(), 20), draws(Augment(rotate=10.0, hflip=0.0), 20)
    assert [d.crop for d in plain] == [d.crop for d in other]
    assert [d.erase for d in plain] == [d.erase for d in other]
    assert [d.angle for d in plain] != [d.angle for d in other]
