"""Read an image file of any common kind as 8-bit RGB."""

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = npt.NDArray[np.uint8]


class BadImageError(Exception):
    """A file that can't be read as an image; its text is the reason, without the path."""


def read_image(path: Path) -> Pixels:
    """Return the pixels of ``path``, shape (height, width, 3), 0 to 255, upright and opaque.

    Reads JPEG (CMYK too), PNG, WebP, BMP, TIFF and GIF (first frame) with 1 to 16 bits or floats a
    channel; turns the picture as its EXIF orientation says; lays transparent pixels over white. Raises
    BadImageError for anything that is damaged, truncated, too large to be true, or no image at all.
    """
    try:
        with Image.open(path) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
            return np.asarray(_to_rgb(upright))
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
