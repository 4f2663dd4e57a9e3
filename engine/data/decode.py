"""Read an image file of any common kind as 8-bit RGB."""

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

# By name: of the other kinds that Pillow knows, one (EPS) starts a program to draw the picture.
_KINDS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_LARGEST_FILE = 1 << 30
"""Bytes; what a decoder holds of a file's own bytes stays below that."""
_ROWS = 64


class BadImageError(Exception):
    """A file that can't be read as an image; its text is the reason, without the path."""


@dataclass(frozen=True, slots=True)
class Picture:
    """``pixels`` (height, width, 3), 0 to 255, and the ``width`` and ``height`` that the file's header says.

    ``short``: the file seems to hold fewer rows than that.
    """

    pixels: Pixels
    width: int
    height: int
    short: bool


def read_image(path: Path, least: int = 0, *, shorter: bool = False) -> Picture:
    """Read the picture at ``path``, upright and opaque.

    Reads JPEG (CMYK too), PNG, WebP, BMP, TIFF and GIF (first frame) with 1 to 16 bits or floats a
    channel; turns the picture as its EXIF orientation says; lays transparent pixels over white. With
    ``least``, a JPEG may be decoded at a half, a quarter or an eighth of its size as long as its longer
    (``shorter``: its shorter) side keeps that many pixels. Raises BadImageError for anything that is damaged,
    truncated, too large to be true, a single pixel, of another kind (whatever its name says), or no file at all:
    a pipe or a device is never waited for. No program is started.
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
        raise BadImageError("not an image, or of an unknown kind") from None
    except FileNotFoundError:
        raise BadImageError("the file is gone") from None
    except Image.DecompressionBombError:
        raise BadImageError("more pixels than an honest photograph has") from None
    except MemoryError:
        raise BadImageError("too large for the memory") from None
    except Exception as error:  # decoders meet damage with errors of many types
        raise BadImageError(f"damaged: {error}") from None


def _opened(path: Path) -> BinaryIO:
    """Open a regular file, through a link too. Raises BadImageError for anything else, OSError."""
    # A pipe that took a file's place since the folder was listed must not block.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise BadImageError("not a regular file")
        if status.st_size > _LARGEST_FILE:
            raise BadImageError("more bytes than an honest photograph has")
        return os.fdopen(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def _draft(image: Image.Image, scale: float) -> None:
    """Have a JPEG decoded smaller, its sides no shorter than ``scale`` times what they are."""
    if scale < 1:
        width, height = image.size
        image.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))


def _seems_short(image: Image.Image, file: BinaryIO) -> bool:
    """Say whether the last row is what decoders fill in when a file's own rows end before: grey, or nothing."""
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
    # Many a picture ends in black; OpenCV, unlike Pillow, refuses a PNG that ends before. It gets the bytes: a
    # name that isn't UTF-8 ends the process in its own reader of files.
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
    """Scale 16-bit, 32-bit or float grey to 8 bits; Pillow's own conversion would clip it at 255."""
    values = np.asarray(image)
    times = over = 1.0
    if image.mode == "F":
        times = 255.0 if values.max() <= 1.0 else 1.0
    else:
        # Mode "I" holds what a PNG or TIFF wrote as 16 bits, unless its values say that it was more.
        over = 257.0 if values.max() <= 65535 else 16843009.0
    grey = np.empty(values.shape, np.uint8)
    # A few rows at a time: a picture's numbers in double are eight times its bytes here.
    for start in range(0, len(values), _ROWS):
        part = values[start : start + _ROWS].astype(np.float64) * times / over
        grey[start : start + _ROWS] = np.clip(np.nan_to_num(np.rint(part)), 0, 255)
    return Image.fromarray(grey).convert("RGB")
