"""What changes a training image each time it is seen: random resized crop and flip."""

import math

import numpy as np

from engine.data.decode import Pixels
from engine.data.geometry import WHOLE, Box, Pad, to_square
from engine.recipe import Augment
from engine.rng import Purpose, stream


def random_box(rng: np.random.Generator, scale: tuple[float, float]) -> Box:
    """Draw a crop of the square canvas as torchvision's RandomResizedCrop does.

    Area uniform in ``scale`` (shares, 0 to 1), aspect ratio log-uniform in 3/4 to 4/3, ten tries, then the
    whole canvas.
    """
    for _ in range(10):
        area = rng.uniform(*scale)
        ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if 0 < width <= 1 and 0 < height <= 1:
            return Box(rng.uniform(0, 1 - width), rng.uniform(0, 1 - height), width, height)
    return WHOLE


def augmented(
    pixels: Pixels, recipe: Augment, *, size: int, pad: Pad, seed: int, epoch: int, index: int
) -> Pixels:
    """Return image ``index`` of the training set as epoch ``epoch`` sees it, (size, size, 3)."""
    if not recipe.enabled:
        return to_square(pixels, size, pad)
    rng = stream(seed, Purpose.AUGMENT, epoch, index)
    box = random_box(rng, recipe.crop_scale)
    return to_square(pixels, size, pad, box, flip=bool(rng.random() < recipe.hflip))
