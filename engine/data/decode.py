"""Read an image file of any common kind as 8-bit RGB."""

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = npt.NDArray[np.uint8]


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
    truncated, too large to be true, a single pixel, or no image at all.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height <= 1:
                raise BadImageError("a single pixel")
            if least:
                _draft(image, least / (min(width, height) if shorter else max(width, height)))
            image.load()
            short = _seems_short(image, path)
            upright = ImageOps.exif_transpose(image)
            return Picture(np.asarray(_to_rgb(upright)), width, height, short)
    except UnidentifiedImageError:
        raise BadImageError("not an image, or of an unknown kind") from None
    except FileNotFoundError:
        raise BadImageError("the file is gone") from None
    except Image.DecompressionBombError:
        raise BadImageError("more pixels than an honest photograph has") from None
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        TypeError,
        KeyError,
        IndexError,
        struct.error,
    ) as error:
        raise BadImageError(f"damaged: {error}") from None
    except MemoryError:
        raise BadImageError("too large for the memory") from None


def _draft(image: Image.Image, scale: float) -> None:
    """Have a JPEG decoded smaller, its sides no shorter than ``scale`` times what they are."""
    if scale < 1:
        width, height = image.size
        image.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))


def _seems_short(image: Image.Image, path: Path) -> bool:
    """Say whether the last row is what decoders fill in when a file's own rows end before: grey, or nothing."""
    filling = {"JPEG": 128, "PNG": 0}.get(image.format or "")
    if filling is None or image.mode not in ("RGB", "L"):
        return False
    width, height = image.size
    last = image.crop((0, height - 1, width, height)).getextrema()
    bands = last if image.mode == "RGB" else (last,)
    if any(band != (filling, filling) for band in bands):
        return False
    # Many a picture ends in black; OpenCV, unlike Pillow, refuses a PNG that ends before. It gets the bytes: a
    # name that isn't UTF-8 ends the process in its own reader of files.
    return image.format == "JPEG" or cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) is None


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
    values = np.asarray(image, dtype=np.float64)
    if image.mode == "F" and (not values.size or values.max() <= 1.0):
        values = values * 255.0
    elif image.mode != "F":
        # Mode "I" holds what a PNG or TIFF wrote as 16 bits, unless its values say that it was more.
        values = values / (257.0 if values.size == 0 or values.max() <= 65535 else 16843009.0)
    grey = np.clip(np.nan_to_num(np.rint(values)), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")
