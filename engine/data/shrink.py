"""Making pictures smaller without aliasing, fast: whole areas averaged, the rest softened and sampled."""

import cv2
import numpy as np
import numpy.typing as npt

from engine.data.decode import Pixels

# A bilinear sampling reads two neighbours, so it aliases where it shrinks by more than this, px a px.
_SOFTEN = 1.3


def shrunk(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return a picture as (height, width, 3), no side of it longer than before."""
    old_height, old_width = pixels.shape[:2]
    by_x, by_y = old_width // width, old_height // height
    part = averaged(pixels, by_x, by_y) if by_x > 1 or by_y > 1 else pixels
    part = softened(part, part.shape[1] / width, part.shape[0] / height)
    if part.shape[:2] != (height, width):
        part = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return part if part.shape[2] == 3 else np.asarray(cv2.cvtColor(part, cv2.COLOR_RGBA2RGB), np.uint8)


def softened(part: Pixels, shrink_x: float, shrink_y: float) -> Pixels:
    """Return ``part`` without the detail that a bilinear sampling ``shrink`` px apart would alias."""
    if shrink_x <= _SOFTEN and shrink_y <= _SOFTEN:
        return part
    return np.asarray(cv2.sepFilter2D(part, -1, _softener(shrink_x), _softener(shrink_y)), np.uint8)


def _softener(shrink: float) -> npt.NDArray[np.float32]:
    """Return a filter that widens the warp's triangle (variance 1/6 px²) to one ``shrink`` times as wide."""
    side = min(0.25, (shrink * shrink - 1.0) / 12.0) if shrink > _SOFTEN else 0.0
    return np.array([side, 1.0 - 2.0 * side, side], np.float32)


def averaged(part: Pixels, by_x: int, by_y: int) -> Pixels:
    """Return ``part`` as RGBA, areas of ``by_x`` by ``by_y`` px averaged to one px each."""
    height, width = part.shape[:2]
    out_width, out_height = -(-width // by_x), -(-height // by_y)
    # Whole areas only are fast, so the last row and column are repeated until they are whole.
    even = np.empty((out_height * by_y, out_width * by_x, 4), np.uint8)
    cv2.cvtColor(part, cv2.COLOR_RGB2RGBA, even[:height, :width])
    even[height:, :width] = even[height - 1, :width]
    even[:, width:] = even[:, width - 1 : width]
    return np.asarray(cv2.resize(even, (out_width, out_height), interpolation=cv2.INTER_AREA), np.uint8)
