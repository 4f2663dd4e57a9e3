"""Sampling of augmentation parameters from torchvision's distributions."""

import math
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np

from engine.recipe.sections import Augment

Jitter = Literal["brightness", "contrast", "saturation", "hue"]
"""A colour adjustment of ColorJitter."""
Corners = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
"""Four points (x, y), px, clockwise from the top left."""

_JITTERS: tuple[Jitter, ...] = ("brightness", "contrast", "saturation", "hue")
_ORDERS = tuple(permutations(_JITTERS))
_CROP_RATIO = (math.log(3 / 4), math.log(4 / 3))
_ERASE_RATIO = (math.log(0.3), math.log(3.3))
_TRIES = 10
# Each parameter has fixed positions among the uniforms, so that changing one key doesn't change the other draws.
_CORNERS = 13
_CROP = _CORNERS + 8
_ERASE = _CROP + 2 + 2 * _TRIES
_UNIFORMS = _ERASE + 2 + 2 * _TRIES


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle of whole pixels: rows ``top`` to ``top + height``, columns ``left`` to ``left + width``."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Colour:
    """Factors of ColorJitter and the order in which they are applied.

    1 changes nothing, except for ``hue``, a fraction of the circle from -0.5 to 0.5, where 0 does.
    """

    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    order: tuple[Jitter, ...] = _JITTERS


@dataclass(frozen=True, slots=True)
class Draw:
    """The sampled augmentation of one image, for a canvas and an output of ``size`` px per side.

    ``crop`` is a rectangle of the canvas, ``erase`` one of the output or None. ``angle`` (counter-clockwise) and
    ``shear`` (along x) are in degrees, ``translate`` is (x, y) in px. ``corners`` are the points to which the
    perspective moves the corners, or None.
    """

    crop: Rect
    colour: Colour = Colour()
    flip: bool = False
    angle: float = 0.0
    translate: tuple[int, int] = (0, 0)
    scale: float = 1.0
    shear: float = 0.0
    corners: Corners | None = None
    erase: Rect | None = None


def draw(rng: np.random.Generator, recipe: Augment, size: int) -> Draw:
    """Return parameters for one image, distributed as by torchvision's ``get_params`` (method.md, Augmentation)."""
    u: list[float] = rng.random(_UNIFORMS).tolist()
    furthest = recipe.translate * size
    return Draw(
        crop=_crop(u[_CROP:], recipe.crop_scale, size),
        colour=Colour(
            1 + _within(u[0], recipe.brightness),
            1 + _within(u[1], recipe.contrast),
            1 + _within(u[2], recipe.saturation),
            _within(u[3], recipe.hue),
            _ORDERS[int(u[4] * len(_ORDERS))],
        ),
        flip=u[5] < recipe.hflip,
        angle=_within(u[6], recipe.rotate),
        translate=(round(_within(u[7], furthest)), round(_within(u[8], furthest))),
        scale=_between(u[9], recipe.scale),
        shear=_within(u[10], recipe.shear),
        corners=_corners(u[_CORNERS:], recipe.perspective, size) if u[11] < recipe.perspective_p else None,
        erase=_erase(u[_ERASE:], recipe.erase_scale, size) if u[12] < recipe.reprob else None,
    )


def _between(u: float, ends: tuple[float, float]) -> float:
    return ends[0] + u * (ends[1] - ends[0])


def _within(u: float, most: float) -> float:
    return (2 * u - 1) * most


def _crop(u: list[float], scale: tuple[float, float], size: int) -> Rect:
    for i in range(_TRIES):
        area = _between(u[2 + 2 * i], scale) * size * size
        ratio = math.exp(_between(u[3 + 2 * i], _CROP_RATIO))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= size and 0 < height <= size:
            return Rect(int(u[0] * (size - height + 1)), int(u[1] * (size - width + 1)), height, width)
    return Rect(0, 0, size, size)


def _corners(u: list[float], distortion: float, size: int) -> Corners:
    choices = int(distortion * (size // 2)) + 1
    a, b, c, d, e, f, g, h = (int(value * choices) for value in u[:8])
    last = size - 1
    return ((a, b), (last - c, d), (last - e, last - f), (g, last - h))


def _erase(u: list[float], scale: tuple[float, float], size: int) -> Rect | None:
    for i in range(_TRIES):
        area = _between(u[2 + 2 * i], scale) * size * size
        ratio = math.exp(_between(u[3 + 2 * i], _ERASE_RATIO))
        height, width = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if height < size and width < size:
            return Rect(int(u[0] * (size - height + 1)), int(u[1] * (size - width + 1)), height, width)
    return None
