"""All geometric transforms of an augmented image as one matrix, one resampling and one mask."""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from engine.data.augment.draw import Corners, Draw, Rect
from engine.data.augment.geometry import Pad
from engine.data.decode import Pixels
from engine.data.shrink import averaged, softened

Matrix = tuple[float, float, float, float, float, float, float, float, float]
"""A 3x3 matrix in row order, acting on (x, y, 1); pixel corners are at integer coordinates."""

IDENTITY: Matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
"""The matrix that changes nothing."""


def product(m: Matrix, n: Matrix) -> Matrix:
    """Return the matrix product ``m`` @ ``n``, which applies ``n`` first."""
    a, b, c, d, e, f, g, h, i = m
    j, k, l, o, p, q, r, s, t = n  # noqa: E741
    return (
        a * j + b * o + c * r, a * k + b * p + c * s, a * l + b * q + c * t,
        d * j + e * o + f * r, d * k + e * p + f * s, d * l + e * q + f * t,
        g * j + h * o + i * r, g * k + h * p + i * s, g * l + h * q + i * t,
    )  # fmt: skip


def views(drawn: Draw, size: int) -> list[Matrix]:
    """Return matrices that map output points to the canvases before perspective, affine and rotation.

    One matrix per transform that changes anything, in that order, each including the ones before it. Every canvas is
    ``size`` px per side, and a point outside any of them is black in the output.
    """
    seen, found = IDENTITY, []
    if drawn.corners is not None:
        seen = _perspective(drawn.corners, size)
        found.append(seen)
    if drawn.translate != (0, 0) or drawn.scale != 1.0 or drawn.shear != 0.0:
        seen = product(_affine(drawn, size / 2), seen)
        found.append(seen)
    if drawn.angle != 0.0:
        seen = product(_rotation(drawn.angle, size / 2), seen)
        found.append(seen)
    return found


def _rotation(angle: float, centre: float) -> Matrix:
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = centre * (1.0 - cos + sin), centre * (1.0 - cos - sin)
    return (cos, -sin, x, sin, cos, y, 0.0, 0.0, 1.0)


def _affine(drawn: Draw, centre: float) -> Matrix:
    inv = 1.0 / drawn.scale
    shear = inv * math.tan(math.radians(drawn.shear))
    x, y = centre + drawn.translate[0], centre + drawn.translate[1]
    return (inv, shear, centre - inv * x - shear * y, 0.0, inv, centre - inv * y, 0.0, 0.0, 1.0)


def _perspective(corners: Corners, size: int) -> Matrix:
    last = size - 1
    square = np.array([[0, 0], [last, 0], [last, last], [0, last]], np.float32)
    found = cv2.getPerspectiveTransform(np.array(corners, np.float32), square).ravel().tolist()
    # The horizon may lie between the output's corner and the image: choose the sign of the image's side.
    x, y = corners[0]
    sign = 1.0 if found[6] * x + found[7] * y + found[8] >= 0 else -1.0
    a, b, c, d, e, f, g, h, i = (sign * value for value in found)
    return (a, b, c, d, e, f, g, h, i)


def inside(found: list[Matrix], size: int) -> Pixels:
    """Return a mask (size, size): 255 where a pixel's centre lies on every canvas of ``views``, else 0."""
    # Each side of a canvas is a line x = start + y * slope. A row of pixels is inside from the last line that it
    # crosses inwards to the first that it crosses outwards.
    inwards, outwards = [(0.0, 0.0)], [(float(size), 0.0)]
    for a, b, c, d, e, f, g, h, i in found:
        g, h, i = size * g, size * h, size * i
        for x, y, one in ((a, b, c), (g - a, h - b, i - c), (d, e, f), (g - d, h - e, i - f)):
            x = x or 1e-12
            (inwards if x > 0.0 else outwards).append((-one / x, -y / x))
    first = np.ceil(np.minimum(_crossings(inwards, size).max(axis=0), size) - 0.5).astype(np.intp)
    behind = np.ceil(np.maximum(_crossings(outwards, size).min(axis=0), 0.0) - 0.5).astype(np.intp)
    rows = _suffixes(size)
    return np.asarray(rows[first] - rows[np.maximum(first, behind)], np.uint8)


def _crossings(lines: list[tuple[float, float]], size: int) -> npt.NDArray[np.float64]:
    start, slope = np.array(lines).T[:, :, None]
    return np.asarray(start + slope * np.arange(0.5, size))


@lru_cache(maxsize=4)
def _suffixes(size: int) -> Pixels:
    """Return a matrix (size + 1, size) whose row k is 0 before column k and 255 from it on."""
    return np.triu(np.full((size + 1, size), 255, np.uint8))


@dataclass(frozen=True, slots=True)
class Placed:
    """The position of a crop on an image, in px of the image.

    ``x`` and ``y`` are its top left corner, which may lie in the padding, ``step_x`` and ``step_y`` image px per output
    px. The output is ``size`` px per side, the image ``width`` x ``height`` px.
    """

    x: float
    y: float
    step_x: float
    step_y: float
    size: int
    width: int
    height: int

    @property
    def shown(self) -> tuple[slice, slice]:
        """Rows and columns of the image that the crop overlaps."""
        left, right = max(0, math.floor(self.x)), math.ceil(self.x + self.size * self.step_x)
        top, bottom = max(0, math.floor(self.y)), math.ceil(self.y + self.size * self.step_y)
        return slice(top, max(top, min(bottom, self.height))), slice(left, max(left, min(right, self.width)))

    @property
    def share(self) -> float:
        """Fraction of the crop that is image rather than padding, 0 to 1."""
        across = min(self.width, self.x + self.size * self.step_x) - max(0.0, self.x)
        down = min(self.height, self.y + self.size * self.step_y) - max(0.0, self.y)
        return max(0.0, across) * max(0.0, down) / (self.size**2 * self.step_x * self.step_y)


def place(crop: Rect, size: int, pad: Pad, width: int, height: int) -> Placed:
    """Return the position of a crop of the canvas (``size`` px per side) on an image of width x height px."""
    side = max(width, height)
    canvas_x, canvas_y = (side, side) if pad == "square" else (width, height)
    return Placed(
        x=crop.left * canvas_x / size - (canvas_x - width) / 2,
        y=crop.top * canvas_y / size - (canvas_y - height) / 2,
        step_x=crop.width * canvas_x / size**2,
        step_y=crop.height * canvas_y / size**2,
        size=size,
        width=width,
        height=height,
    )


def warped(pixels: Pixels, placed: Placed, flip: bool, seen: Matrix) -> Pixels:
    """Return the warped crop (size, size, 3); ``seen`` maps output points to its canvas, mirrored with ``flip``.

    Outside the image the output is black. Points outside the crop's canvas are masked later with ``inside``.
    """
    size, shown = placed.size, placed.shown
    step, start = (-placed.step_x, placed.x + size * placed.step_x) if flip else (placed.step_x, placed.x)
    matrix = product((step, 0.0, start, 0.0, placed.step_y, placed.y, 0.0, 0.0, 1.0), seen)
    shrink_x, shrink_y = _shrinks(matrix, size / 2)
    by_x, by_y = _reductions(shrink_x, shrink_y, shown)
    # Add a margin, so that the warp interpolates with image rather than border pixels at the edge of the crop.
    top, bottom = max(0, shown[0].start - 2 * by_y), min(placed.height, shown[0].stop + 2 * by_y)
    left, right = max(0, shown[1].start - 2 * by_x), min(placed.width, shown[1].stop + 2 * by_x)
    part = pixels[top:bottom, left:right]
    if by_x > 1 or by_y > 1:
        part = averaged(part, by_x, by_y)
    part = softened(part, shrink_x / by_x, shrink_y / by_y)
    if part.shape[2] == 3:  # OpenCV warps four channels in half the time of three
        part = np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2RGBA), np.uint8)
    # OpenCV has pixel centres, not corners, at integer coordinates. Also map into the reduced part.
    to_part = (1 / by_x, 0.0, -left / by_x - 0.5, 0.0, 1 / by_y, -top / by_y - 0.5, 0.0, 0.0, 1.0)
    matrix = product(product(to_part, matrix), (1.0, 0.0, 0.5, 0.0, 1.0, 0.5, 0.0, 0.0, 1.0))
    whole = np.array(matrix).reshape(3, 3)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if matrix[6] == 0.0 and matrix[7] == 0.0:
        out = cv2.warpAffine(part, whole[:2] / matrix[8], (size, size), flags=flags)
    else:
        out = cv2.warpPerspective(part, whole, (size, size), flags=flags)
    return np.asarray(cv2.cvtColor(out, cv2.COLOR_RGBA2RGB), np.uint8)


def _shrinks(matrix: Matrix, centre: float) -> tuple[float, float]:
    """Return how many image px one px at the output's centre spans, in x and in y."""
    a, b, c, d, e, f, g, h, i = matrix
    depth = (g + h) * centre + i or 1e-9
    x, y = ((a + b) * centre + c) / depth, ((d + e) * centre + f) / depth
    across = math.hypot(a - x * g, b - x * h) / abs(depth)
    down = math.hypot(d - y * g, e - y * h) / abs(depth)
    return across, down


def _reductions(shrink_x: float, shrink_y: float, shown: tuple[slice, slice]) -> tuple[int, int]:
    """Return how many px in x and in y are averaged to one, at most as many as are shown."""
    by_x, by_y = math.floor(shrink_x + 0.5), math.floor(shrink_y + 0.5)
    if abs(by_x - by_y) == 1:  # squares are averaged five times as fast as oblongs
        by_x = by_y = math.floor(math.sqrt(shrink_x * shrink_y) + 0.5)
    rows, columns = shown
    return max(1, min(by_x, columns.stop - columns.start)), max(1, min(by_y, rows.stop - rows.start))
