"""Fast anti-aliased downscaling: average whole blocks of pixels, then low-pass filter and sample bilinearly."""

import cv2
import numpy as np
import numpy.typing as npt

from engine.data.decode import Pixels

# Bilinear sampling reads two neighbours per axis, so it aliases when shrinking by more than this factor.
_SOFTEN = 1.3


def shrunk(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return the image downscaled to (height, width, 3); neither side may be enlarged."""
    old_height, old_width = pixels.shape[:2]
    by_x, by_y = old_width // width, old_height // height
    part = averaged(pixels, by_x, by_y) if by_x > 1 or by_y > 1 else pixels
    part = softened(part, part.shape[1] / width, part.shape[0] / height)
    if part.shape[:2] != (height, width):
        part = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return part if part.shape[2] == 3 else np.asarray(cv2.cvtColor(part, cv2.COLOR_RGBA2RGB), np.uint8)


def softened(part: Pixels, shrink_x: float, shrink_y: float) -> Pixels:
    """Return ``part`` low-pass filtered, so that bilinear sampling at steps of ``shrink`` px doesn't alias."""
    if shrink_x <= _SOFTEN and shrink_y <= _SOFTEN:
        return part
    return np.asarray(cv2.sepFilter2D(part, -1, _softener(shrink_x), _softener(shrink_y)), np.uint8)


def _softener(shrink: float) -> npt.NDArray[np.float32]:
    """Return a 3-tap kernel that widens the warp's triangle filter (variance 1/6 px²) by the factor ``shrink``."""
    side = min(0.25, (shrink * shrink - 1.0) / 12.0) if shrink > _SOFTEN else 0.0
    return np.array([side, 1.0 - 2.0 * side, side], np.float32)


def averaged(part: Pixels, by_x: int, by_y: int) -> Pixels:
    """Return ``part`` as RGBA, with each block of ``by_x`` x ``by_y`` px averaged to one px."""
    height, width = part.shape[:2]
    out_width, out_height = -(-width // by_x), -(-height // by_y)
    # OpenCV is fast for whole blocks only, so the last row and column are repeated to complete them.
    even = np.empty((out_height * by_y, out_width * by_x, 4), np.uint8)
    cv2.cvtColor(part, cv2.COLOR_RGB2RGBA, even[:height, :width])
    even[height:, :width] = even[height - 1, :width]
    even[:, width:] = even[:, width - 1 : width]
    return np.asarray(cv2.resize(even, (out_width, out_height), interpolation=cv2.INTER_AREA), np.uint8)
