"""TIFF files that Pillow can't read, or reads at a loss: several bands of more than 8 bits, other numbers of bands.

Of several deep bands Pillow keeps 8 bits each, and mixes planes up; OpenCV mixes bands up. tifffile reads them whole.
"""

import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, BinaryIO

import cv2
import numpy as np
import tifffile
from tifffile import COMPRESSION

from engine.data.depth import Values

BITS, PHOTOMETRIC, EXTRA_SAMPLES, BANDS, PLANAR, SAMPLE_FORMAT = 258, 262, 338, 277, 284, 339
_MOST_VALUE, _LEAST_NUMBER, _MOST_NUMBER = 281, 340, 341
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
PREMULTIPLIED, STRAIGHT, COREL = 1, 2, 999
"""Values of ExtraSamples that declare a band as alpha."""
_NONE, _LZW, _DEFLATE = 1, 5, (8, 32946)
_DEFLATED = 1032
"""The most bytes that one byte of deflated data becomes."""
_SMALL = 64 << 20

# What it remarks on oddly written tags is nothing that a user could act on.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class UnreadableTiffError(Exception):
    """Raised for a TIFF of a kind that isn't read here; the message says which, and what to do."""


class LargeTiffError(Exception):
    """Raised for a TIFF of ``pixels`` that takes more memory than allowed."""

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels


@dataclass(frozen=True, slots=True, eq=False)
class TiffImage:
    """The colour bands of a TIFF, with what its tags say of them."""

    values: Values
    """(height, width) or (height, width, 3)."""
    alpha: Values | None
    """(height, width), if the file declares such a band."""
    premultiplied: bool
    inverted: bool
    """Whether low values are white."""
    declared: tuple[float, float] | None
    """The values of black and white that the file states."""
    orientation: int
    """As in EXIF, 1 to 8."""
    bands: int


def read_tiff(file: BinaryIO, max_pixels: int) -> TiffImage:
    """Read the first image of a TIFF of any number of bands; of three or more, the first three are red, green, blue.

    All its bands may take 8 bytes for each of ``max_pixels``. Raises UnreadableTiffError for a kind that isn't read,
    LargeTiffError, and various exceptions for a damaged file.
    """
    file.seek(0)
    with tifffile.TiffFile(file, name="image.tif") as tiff:
        page = tiff.pages.first
        photometric, bands = int(page.photometric), page.samplesperpixel
        _check(file, page, max_pixels)
        values = _by_opencv(file) if _is_for_opencv(page) else page.asarray()
        if page.axes == "SYX":
            values = np.moveaxis(values, 0, 2)
        extra = tuple(map(int, page.extrasamples))
        colours = 3 if photometric == RGB else bands - len(extra)
        kind, alpha = 0, None
        if extra and extra[0] in (PREMULTIPLIED, STRAIGHT) and values.ndim == 3 and 0 < colours < bands:
            kind, alpha = extra[0], values[:, :, colours]
        if values.ndim == 3:
            # Undeclared bands of a multispectral image: red, green and blue come first.
            values = values[:, :, 0] if bands < 3 or (kind and colours < 3) else values[:, :, :3]
        orientation = page.tags.get(274)
        return TiffImage(
            values, alpha, kind == PREMULTIPLIED, photometric == WHITE_IS_ZERO,
            declared_range(lambda code: tag.value if (tag := page.tags.get(code)) else None, page.bitspersample),
            int(orientation.value) if orientation else 1, bands,
        )  # fmt: skip


def declared_range(tag: Callable[[int], Any], bits: int) -> tuple[float, float] | None:
    """Return the values of black and white that a TIFF states, by the value of each ``tag`` (None: it has none).

    None if it states none, or only what ``bits`` whole bytes can hold, as some writers do whatever they store.
    """
    most = tag(_MOST_NUMBER) if tag(_LEAST_NUMBER) is not None else None
    if most is not None:
        return float(np.min(tag(_LEAST_NUMBER))), float(np.max(most))
    white = 2**bits - 1
    if (value := tag(_MOST_VALUE)) is not None:
        white = min(white, int(np.max(value)))
    return (0.0, float(white)) if bits % 8 or white < 2**bits - 1 else None


def bands_guess(bands: int) -> str:
    """Return how undeclared bands are read, "" if there are none."""
    return (
        f"{bands} bands, none declared as alpha: the first three read as red, green, blue"
        if bands > 3
        else ""
    )


def _check(file: BinaryIO, page: tifffile.TiffPage, max_pixels: int) -> None:
    """Check a page's tags before memory is taken for its pixels."""
    what = f"a TIFF of {page.samplesperpixel} x {page.bitspersample} bits"
    compression, photometric = int(page.compression), int(page.photometric)
    if (
        photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB)
        or page.dtype is None
        or page.dtype.kind not in "uif"
    ):
        raise UnreadableTiffError(f"{what} in unsupported colours: save it as RGB or grey")
    if page.axes not in ("YX", "YXS", "SYX"):
        raise UnreadableTiffError(f"{what} in layers: save each layer as an image")
    tile = (
        page.tilewidth * page.tilelength * page.samplesperpixel * page.dtype.itemsize if page.is_tiled else 0
    )
    pixels = page.imagewidth * page.imagelength
    most = max(page.nbytes, tile)
    if pixels > max_pixels or most > 8 * max_pixels:
        raise LargeTiffError(pixels)
    if _is_for_opencv(page):
        return
    if compression not in (_NONE, *_DEFLATE, *((_LZW,) if _has_codecs() else ())):
        more = "pip install imagecodecs, or " if compression == _LZW else ""
        raise UnreadableTiffError(
            f"{what}, compressed by {COMPRESSION(compression).name}: {more}save it uncompressed"
        )
    if compression in _DEFLATE:
        _check_inflated(file, page, most + _SMALL, pixels)


def _has_codecs() -> bool:
    return find_spec("imagecodecs") is not None


def _is_for_opencv(page: tifffile.TiffPage) -> bool:
    """Return whether only OpenCV can unpack a page, and reads pages of its kind right."""
    if int(page.compression) in (_NONE, *_DEFLATE) or (int(page.compression) == _LZW and _has_codecs()):
        return False
    one, coloured = page.samplesperpixel == 1, int(page.photometric) == RGB and page.samplesperpixel in (3, 4)
    return (
        page.bitspersample % 8 == 0 and page.bitspersample > 8 and (one or (coloured and page.axes == "YXS"))
    )


def _by_opencv(file: BinaryIO) -> Values:
    file.seek(0)
    values = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("its pixels can't be unpacked")
    return values if values.ndim == 2 else values[:, :, [2, 1, 0, 3][: values.shape[2]]]


def _check_inflated(file: BinaryIO, page: tifffile.TiffPage, most: int, pixels: int) -> None:
    """Refuse a deflated segment that would take more than ``most`` bytes, which no honest one does."""
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if count * _DEFLATED <= most:
            continue
        file.seek(offset)
        unpack, size, left = zlib.decompressobj(), 0, int(count)
        while left > 0 and (part := file.read(min(left, 1 << 16))):
            left -= len(part)
            while part:
                size += len(unpack.decompress(part, 1 << 20))
                part = unpack.unconsumed_tail
                if size > most:
                    raise LargeTiffError(pixels)
