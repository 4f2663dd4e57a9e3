"""Augmentation of a training image with a single resampling (method.md, Augmentation)."""

import cv2
import numpy as np

from engine.compute.rng import Purpose, stream
from engine.data.augment.colour import jittered
from engine.data.augment.draw import Draw, draw
from engine.data.augment.geometry import Box, Pad, to_square
from engine.data.augment.warp import Matrix, Placed, inside, place, views, warped
from engine.data.decode import Pixels
from engine.recipe.sections import Augment

# Contrast needs the crop's mean grey. This many pixels per axis estimate it to within one or two levels of 256.
_SAMPLE = 32


def augmented(
    pixels: Pixels, recipe: Augment, *, size: int, pad: Pad,
    seed: int, epoch: int, index: int, ground: tuple[int, int, int] = (0, 0, 0),
) -> Pixels:  # fmt: skip
    """Return training image ``index`` augmented for ``epoch``, (size, size, 3).

    ``ground`` is the RGB colour of erased rectangles, which should normalise to 0. Without ``recipe.enabled`` the
    image is only padded or stretched, and resized.
    """
    if not recipe.enabled:
        return to_square(pixels, size, pad)
    return apply(draw(stream(seed, Purpose.AUGMENT, epoch, index), recipe, size), pixels, size, pad, ground)


def apply(
    drawn: Draw, pixels: Pixels, size: int, pad: Pad, ground: tuple[int, int, int] = (0, 0, 0)
) -> Pixels:
    """Return ``pixels`` augmented with the parameters ``drawn``, (size, size, 3).

    The transforms are torchvision's, in this order: pad or stretch to a square of ``size`` px, random resized crop,
    colour jitter, horizontal flip, rotation, affine, perspective, erasing. Padding is black before the colour jitter;
    areas uncovered by rotation, affine and perspective are black after it.
    """
    height, width = pixels.shape[:2]
    placed = place(drawn.crop, size, pad, width, height)
    found = views(drawn, size)
    if placed.share <= 0.0:
        out = np.zeros((size, size, 3), np.uint8)
    else:
        out = _seen(drawn, pixels, size, pad, placed, found)
        out = jittered(out, drawn.colour, _sample(pixels, placed), placed.share)
    if found:
        out = np.asarray(cv2.copyTo(out, inside(found, size)), np.uint8)
    if drawn.erase is not None:
        hole = drawn.erase
        out[hole.top : hole.top + hole.height, hole.left : hole.left + hole.width] = ground
    return out


def _seen(drawn: Draw, pixels: Pixels, size: int, pad: Pad, placed: Placed, found: list[Matrix]) -> Pixels:
    if found:
        return warped(pixels, placed, drawn.flip, found[-1])
    crop = drawn.crop
    box = Box(crop.left / size, crop.top / size, crop.width / size, crop.height / size)
    return to_square(pixels, size, pad, box, flip=drawn.flip)


def _sample(pixels: Pixels, placed: Placed) -> Pixels:
    part = pixels[placed.shown]
    # A copy: the jitter writes in it.
    return np.array(part[:: 1 + part.shape[0] // _SAMPLE, :: 1 + part.shape[1] // _SAMPLE])
