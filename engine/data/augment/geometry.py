"""Crop a padded or stretched image to a square of the model's input size, in one resampling."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from engine.data.decode import Pixels
from engine.data.shrink import shrunk

Pad = Literal["square", "stretch"]
"""Values of ``data.pad``."""

# Images are prepared in several processes; OpenCV's threads would only compete with them and with torch.
cv2.setNumThreads(0)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the canvas (the image after padding or stretching): x, y, width and height in 0 to 1."""

    x: float
    y: float
    width: float
    height: float


WHOLE = Box(0.0, 0.0, 1.0, 1.0)
"""The whole canvas."""


def to_square(pixels: Pixels, size: int, pad: Pad, box: Box = WHOLE, *, flip: bool = False) -> Pixels:
    """Return ``box`` of the canvas resized to (size, size, 3), mirrored horizontally with ``flip``.

    ``square`` centres the image on a black square as wide as its longer side, which preserves the aspect ratio;
    ``stretch`` scales each axis independently. Only the part of the box that contains image is resampled, with area
    averaging where it shrinks; the padded canvas is never allocated.
    """
    height, width = pixels.shape[:2]
    side = max(height, width)
    canvas_width, canvas_height = (side, side) if pad == "square" else (width, height)
    left, top = (canvas_width - width) / 2, (canvas_height - height) / 2
    scale_x, scale_y = size / (box.width * canvas_width), size / (box.height * canvas_height)
    # The top left corner of the box, in px of the image.
    x0, y0 = box.x * canvas_width - left, box.y * canvas_height - top
    out = _resample(pixels, x0, y0, scale_x, scale_y, size)
    return np.ascontiguousarray(out[:, ::-1]) if flip else out


def reduced(pixels: Pixels, side: int, pad: Pad) -> Pixels:
    """Return the image downscaled to what training needs, (height, width, 3); a smaller one is unchanged.

    ``square`` limits the longer side to ``side`` px and preserves the aspect ratio; ``stretch`` limits each side.
    """
    height, width = pixels.shape[:2]
    if pad == "stretch":
        target = (min(width, side), min(height, side))
    else:
        scale = min(1.0, side / max(height, width))
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
    if target == (width, height):
        return pixels
    return shrunk(pixels, *target)


def _resample(pixels: Pixels, x0: float, y0: float, scale_x: float, scale_y: float, size: int) -> Pixels:
    height, width = pixels.shape[:2]
    x1, y1 = x0 + size / scale_x, y0 + size / scale_y
    left, top = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
    right, bottom = min(width, int(np.ceil(x1))), min(height, int(np.ceil(y1)))
    if left >= right or top >= bottom:  # the crop contains only padding
        return np.zeros((size, size, 3), np.uint8)
    part = pixels[top:bottom, left:right]
    # Shrink by area averaging first: a bilinear warp alone would skip pixels and alias.
    shrink_x, shrink_y = min(1.0, scale_x), min(1.0, scale_y)
    if shrink_x < 1.0 or shrink_y < 1.0:
        target = (max(1, round(part.shape[1] * shrink_x)), max(1, round(part.shape[0] * shrink_y)))
        reduced = cv2.resize(part, target, interpolation=cv2.INTER_AREA)
    else:
        reduced = part
    ratio_x, ratio_y = reduced.shape[1] / part.shape[1], reduced.shape[0] / part.shape[0]
    # Pixel centres: output u maps to x0 + (u + 0.5) / scale - 0.5 in the image, then into the reduced part.
    a, d = ratio_x / scale_x, ratio_y / scale_y
    matrix = np.array(
        [
            [a, 0.0, (x0 - left) * ratio_x + 0.5 * a - 0.5],
            [0.0, d, (y0 - top) * ratio_y + 0.5 * d - 0.5],
        ]
    )
    # Replicate the image's edge, so that it doesn't darken towards the padding, and blacken the padding afterwards.
    out = cv2.warpAffine(
        reduced,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    first, last = _inside(x0, scale_x, width, size)
    out[:, :first] = out[:, last:] = 0
    first, last = _inside(y0, scale_y, height, size)
    out[:first] = out[last:] = 0
    return np.asarray(out, dtype=np.uint8)


def _inside(start: float, scale: float, length: int, size: int) -> tuple[int, int]:
    """Return the range, end exclusive, of the ``size`` output pixels whose centres lie on the image along one axis."""
    first = int(np.ceil(-start * scale - 0.5 - 1e-6))
    last = int(np.floor((length - start) * scale - 0.5 + 1e-6)) + 1
    return min(max(first, 0), size), min(max(last, 0), size)
