"""Decoding of image files in common formats as 8-bit RGB."""

import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = npt.NDArray[np.uint8]
"""An image (height, width, 3), RGB in 0 to 255, unless stated otherwise."""

# Listed explicitly, because one of Pillow's other formats (EPS) runs a program to render the image.
_KINDS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_LARGEST_FILE = 1 << 30
"""Largest file, bytes, which bounds the encoded data that a decoder holds in memory."""
_ROWS = 64


class BadImageError(Exception):
    """Raised for a file that can't be read as an image; the message is the reason, without the path."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image, with the ``width`` and ``height`` in the file's header, px.

    ``short`` is whether the file seems to contain fewer rows than its header says.
    """

    pixels: Pixels
    width: int
    height: int
    short: bool


def read_image(path: Path, least: int = 0, *, shorter: bool = False) -> Picture:
    """Return the image at ``path``, upright and opaque.

    Reads JPEG (including CMYK), PNG, WebP, BMP, TIFF and GIF (first frame) with 1 to 16 bits or floats per channel.
    Applies the EXIF orientation and composites transparent pixels on white. With ``least``, a JPEG may be decoded at
    1/2, 1/4 or 1/8 of its size, as long as its longer side (with ``shorter``, its shorter side) keeps at least
    ``least`` px.

    Raises BadImageError for a file that is missing, damaged, truncated, implausibly large, a single pixel, in another
    format (whatever its name), or not a regular file: a pipe or device is never waited for. No program is started.
    """
    try:
        with _opened(path) as file, Image.open(file, formats=_KINDS) as image:
            width, height = image.size
            if width * height <= 1:
                raise BadImageError("a single pixel")
            if least:
                _draft(image, least / (min(width, height) if shorter else max(width, height)))
            image.load()
            short = _seems_short(image, file)
            ImageOps.exif_transpose(image, in_place=True)
            return Picture(np.asarray(_to_rgb(image)), width, height, short)
    except BadImageError:
        raise
    except UnidentifiedImageError:
        raise BadImageError("not an image, or an unsupported format") from None
    except FileNotFoundError:
        raise BadImageError("the file is gone") from None
    except Image.DecompressionBombError:
        raise BadImageError("too large: more pixels than Pillow accepts") from None
    except MemoryError:
        raise BadImageError("too large for the available memory") from None
    except Exception as error:  # decoders raise many types for damaged files
        raise BadImageError(f"damaged: {error}") from None


def _opened(path: Path) -> BinaryIO:
    """Open a regular file, following links. Raises BadImageError for anything else, and OSError."""
    # Non-blocking, in case a pipe has replaced the file since the folder was listed.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise BadImageError("not a regular file")
        if status.st_size > _LARGEST_FILE:
            raise BadImageError("too large: more than 1 GiB")
        return os.fdopen(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def _draft(image: Image.Image, scale: float) -> None:
    """Let a JPEG be decoded smaller, with sides at least ``scale`` times the original."""
    if scale < 1:
        width, height = image.size
        image.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))


def _seems_short(image: Image.Image, file: BinaryIO) -> bool:
    """Return whether the last row is what decoders fill in for missing rows: grey in a JPEG, zeros in a PNG."""
    filling = {"JPEG": 128, "PNG": 0}.get(image.format or "")
    if filling is None or image.mode not in ("RGB", "L"):
        return False
    width, height = image.size
    last = image.crop((0, height - 1, width, height)).getextrema()
    bands = last if image.mode == "RGB" else (last,)
    if any(band != (filling, filling) for band in bands):
        return False
    if image.format == "JPEG":
        return True
    # Many images end in black, but OpenCV, unlike Pillow, rejects a truncated PNG. It gets the bytes, because its
    # own file reader crashes on a name that isn't UTF-8.
    file.seek(0)
    return cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR) is None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep_grey(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(ground, image).convert("RGB")
    return image.convert("RGB")


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """Return 16-bit, 32-bit or float greyscale as 8-bit RGB; Pillow's own conversion would clip at 255."""
    values = np.asarray(image)
    times = over = 1.0
    if image.mode == "F":
        times = 255.0 if values.max() <= 1.0 else 1.0
    else:
        # Mode "I" holds the 16-bit values of a PNG or TIFF, unless there are larger ones.
        over = 257.0 if values.max() <= 65535 else 16843009.0
    grey = np.empty(values.shape, np.uint8)
    # A few rows at a time, because float64 takes eight times the memory of the result.
    for start in range(0, len(values), _ROWS):
        part = values[start : start + _ROWS].astype(np.float64) * times / over
        grey[start : start + _ROWS] = np.clip(np.nan_to_num(np.rint(part)), 0, 255)
    return Image.fromarray(grey).convert("RGB")
