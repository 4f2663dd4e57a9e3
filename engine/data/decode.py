"""Decoding of image files in common formats as 8-bit RGB."""

import errno
import math
import os
import warnings
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import AvifImagePlugin, Image, ImageCms, ImageFile, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from engine.core.errors import first_line
from engine.core.files import UnfitFileError, open_regular
from engine.data import tiff
from engine.data.depth import Scale, Values, eight_bit, scale_of
from engine.data.jxl_size import jxl_size
from engine.layout.kinds import HEAD, TGA_SUFFIXES, has_tga_footer, installed, kind_of
from engine.recipe.sections import Data

Pixels = npt.NDArray[np.uint8]
"""An image (height, width, 3), RGB in 0 to 255, unless stated otherwise."""

MAX_PIXELS: int = Data().max_pixels
"""Default of ``data.max_pixels``."""

# Each content is opened by its own format's plugin only: one of Pillow's others (EPS) runs a program.
_FORMATS = {
    "JPEG": "JPEG", "PNG": "PNG", "WebP": "WEBP", "BMP": "BMP", "TIFF": "TIFF", "GIF": "GIF", "AVIF": "AVIF",
    "HEIC": "HEIF", "JPEG XL": "JXL", "JPEG 2000": "JPEG2000", "PPM": "PPM", "TGA": "TGA",
}  # fmt: skip
_UNSIGNED = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "JPEG2000", "PPM")
"""Tried on a file without a known sign at its beginning."""
FLAT = "nearly one value all over"
"""The oddity of an image that comes out as nearly one value."""
_LARGEST_FILE = 1 << 30
"""Largest file, bytes, which bounds the encoded data that a decoder holds in memory."""
_JPEG_2000_HEAD = 1 << 12
_SKIMMED = 8
"""Decoding a baseline JPEG at 1/8 costs about as much as an eighth of its pixels."""
_LARGE = 64_000_000
"""Number of pixels from which on an image is reduced before it is copied."""
_MANY = 16_000_000
"""Number of pixels from which on memory counts more than speed."""
_ROWS = 256
_REDUCIBLE = {"1": "L", "P": "RGBA", "PA": "RGBA"}
"""Modes in which an image can be reduced, by those in which it can't."""
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_FLAT = 8
"""Difference of values, 0 to 255, up to which an image counts as of one value."""

# The limit is data.max_pixels, by what decoding costs.
Image.MAX_IMAGE_PIXELS = None
# One thread, because each image process decodes.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class BadImageError(Exception):
    """Raised for a file that can't be read as an image; the message is the reason, without the path."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image, with the ``width`` and ``height`` in the file's header, px.

    ``short`` is whether the file seems to contain fewer rows than its header says. ``oddities`` say what was guessed
    about its values, and whether it comes out as nearly one value.
    """

    pixels: Pixels
    width: int
    height: int
    short: bool
    oddities: tuple[str, ...] = ()


def read_image(path: Path, least: int = 0, *, shorter: bool = False, max_pixels: int = MAX_PIXELS) -> Picture:
    """Return the image at ``path``, upright and opaque.

    Reads JPEG (including CMYK), PNG, WebP, BMP, TIFF, GIF, AVIF, JPEG 2000, PPM and TGA, and with their extras HEIC and
    JPEG XL: the first frame, with 1 to 64 bits or floats per channel (``engine.data.depth`` says how they are scaled).
    The content decides which, not the name. Applies the EXIF orientation, and composites pixels that the file declares
    transparent on white; further bands are ignored.

    With ``least``, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, and another large image reduced, as long as
    its longer side (with ``shorter``, its shorter side) keeps at least ``least`` px. ``max_pixels`` limits what is
    decoded: of a JPEG its pixels after that reduction, or an eighth of all if those are more.

    Raises BadImageError for a file that is missing, damaged, truncated, too large, a single pixel, in another format
    or not a regular file: a pipe or device is never waited for. No program is started.
    """
    try:
        with _opened(path) as file:
            return _read(path, file, least, shorter, max_pixels)
    except BadImageError:
        raise
    except UnidentifiedImageError:
        raise BadImageError("not an image, or an unsupported format") from None
    except FileNotFoundError:
        raise BadImageError("the file is gone") from None
    except MemoryError:
        raise BadImageError("too large for the available memory") from None
    except Exception as error:  # decoders raise many types for damaged files
        raise BadImageError(f"damaged: {first_line(error)}") from None


def _opened(path: Path) -> BinaryIO:
    """Open a regular file, following links. Raises BadImageError for anything else, and OSError."""
    try:
        return open_regular(path, _LARGEST_FILE)
    except UnfitFileError as error:
        reason = "too large: more than 1 GiB" if error.errno == errno.EFBIG else "not a regular file"
        raise BadImageError(reason) from None


def _read(path: Path, file: BinaryIO, least: int, shorter: bool, max_pixels: int) -> Picture:
    formats = _formats(path, file, max_pixels)
    try:
        image = Image.open(file, formats=formats)
    except UnidentifiedImageError:
        if formats != ("TIFF",):
            raise
        return _from_tiff(file, max_pixels)
    with image:
        width, height = image.size
        if width * height <= 1:
            raise BadImageError("a single pixel")
        scale = least / (min(width, height) if shorter else max(width, height)) if least else 1.0
        _draft(image, scale)
        _check_cost(image, width * height, max_pixels)
        if image.format == "TIFF" and _has_deep_bands(image):
            return _from_tiff(file, max_pixels)
        stated = _stated(image, file)
        image.load()
        short = _seems_short(image, file)
        shown, guess = _eight_bit(image, file, stated)
        # A draft has reduced the image already.
        if width * height > _LARGE and image.size == (width, height) and (factor := int(1 / scale)) > 1:
            shown = shown.convert(_REDUCIBLE.get(shown.mode, shown.mode)).reduce(factor)
        pixels = _pixels(_turned(_opaque(shown, alpha=stated.alpha), image.getexif().get(_ORIENTATION, 1)))
        return Picture(pixels, width, height, short, _oddities(pixels, guess or stated.guess))


def _formats(path: Path, file: BinaryIO, max_pixels: int) -> tuple[str, ...]:
    """Return Pillow's name for the format of an open file, or several to be tried."""
    kind = kind_of(os.pread(file.fileno(), HEAD, 0))
    if kind is None:
        if path.suffix.lower() in TGA_SUFFIXES or has_tga_footer(file):
            return ("TGA",)
        return _UNSIGNED
    if not kind.readable:
        raise BadImageError(f"not an image that can be read here: {kind.name}; {kind.remedy}")
    if kind.name == "HEIC":
        _register_heif()
    elif kind.name == "JPEG XL":
        width, height = jxl_size(file)
        _check_pixels(width * height, max_pixels)
        _register_jxl()
    return (_FORMATS[kind.name],)


def register_plugins() -> None:
    """Let Pillow open HEIC and JPEG XL, as far as their plugins are installed, by their own names of formats only."""
    if installed("HEIC"):
        _register_heif()
    if installed("JPEG XL"):
        _register_jxl()


@cache
def _register_heif() -> None:
    # One thread, because each image process decodes. The rest is not looked at.
    import_module("pillow_heif").register_heif_opener(
        decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
    )


@cache
def _register_jxl() -> None:
    warnings.filterwarnings("ignore", "Pillow doesn't support 16 bit floats")
    plugin: Any = import_module("pillow_jxl.JpegXLImagePlugin")
    plugin.DECODE_THREADS = 0


def _draft(image: Image.Image, scale: float) -> None:
    """Let a JPEG be decoded smaller, with sides at least ``scale`` times the original."""
    if scale < 1:
        width, height = image.size
        image.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))


def _check_cost(image: Image.Image, whole: int, max_pixels: int) -> None:
    """Raise BadImageError if decoding an image of ``whole`` pixels costs more than decoding ``max_pixels``."""
    cost = image.width * image.height
    if cost < whole:
        # A progressive JPEG is held in memory whole, whatever it is reduced to.
        cost = whole if image.info.get("progressive") else max(cost, whole // _SKIMMED)
    _check_pixels(cost, max_pixels)


def _check_pixels(cost: int, max_pixels: int) -> None:
    if cost > max_pixels:
        raise BadImageError(
            f"too large: to decode it costs {cost / 1e6:,.0f} megapixels, data.max_pixels={max_pixels} allows "
            f"{max_pixels / 1e6:,.0f}"
        )


class _Stated(NamedTuple):
    """What a file states of its values."""

    declared: tuple[float, float] | None = None
    """The values of black and white."""
    inverted: bool = False
    """Whether low values are white, and Pillow leaves them so."""
    unsigned: bool = False
    """Whether values that Pillow holds as 32 bits with a sign have none."""
    alpha: bool = True
    """Whether a fourth band of colour, or a second of grey, is declared as alpha."""
    guess: str = ""
    """How undeclared bands are read."""


_WHOLE = (0.0, 65535.0)


def _stated(image: Image.Image, file: BinaryIO) -> _Stated:
    """Return what an image that is not loaded yet states of its values."""
    deep = image.mode.startswith("I") or image.mode == "F"
    if image.format == "TIFF":
        tags = cast(TiffImageFile, image).tag_v2
        bits = max(tags.get(tiff.BITS, (1,)))
        white_is_zero = tags.get(tiff.PHOTOMETRIC) == tiff.WHITE_IS_ZERO
        bands, extra = tags.get(tiff.BANDS, 1), tags.get(tiff.EXTRA_SAMPLES, ())
        alpha = bool(extra) and extra[0] in (tiff.PREMULTIPLIED, tiff.STRAIGHT, tiff.COREL)
        guess = "" if alpha or tags.get(tiff.PHOTOMETRIC) != tiff.RGB else tiff.bands_guess(bands)
        unsigned = tags.get(tiff.SAMPLE_FORMAT, (1,))[0] == 1
        return _Stated(tiff.declared_range(tags.get, bits), deep and white_is_zero, unsigned, alpha, guess)
    if image.format == "JPEG2000":
        return _Stated(_WHOLE if _jpeg_2000_bits(file) < 16 else None, alpha=_jpeg_2000_alpha(file))
    if image.format == "TGA":
        return _Stated(alpha=bool(os.pread(file.fileno(), 1, 17)[0] & 15))
    if image.format == "HEIF":
        return _Stated(_WHOLE)
    if image.format == "PPM" and image.mode == "I":
        # Pillow has scaled the values, unless they are of 16 bits.
        arguments = cast(ImageFile.ImageFile, image).tile[0][3]
        return _Stated(_WHOLE if isinstance(arguments, tuple) and arguments[-1] != 65535 else None)
    return _Stated()


def _jpeg_2000_bits(file: BinaryIO) -> int:
    """Return the bits per channel by the SIZ marker, 16 if it isn't at the beginning."""
    head = os.pread(file.fileno(), _JPEG_2000_HEAD, 0)
    at = head.find(b"\xff\x4f\xff\x51")
    return (head[at + 42] & 0x7F) + 1 if 0 <= at < len(head) - 42 else 16


def _jpeg_2000_alpha(file: BinaryIO) -> bool:
    """Return whether a channel definition box (ISO 15444-1, I.5.3.6) names an opacity channel."""
    head = os.pread(file.fileno(), _JPEG_2000_HEAD, 0)
    at = head.find(b"cdef", 0, max(0, head.find(b"jp2c")))
    if at < 0:
        return False
    count = int.from_bytes(head[at + 4 : at + 6], "big")
    kinds = (head[place + 2 : place + 4] for place in range(at + 6, at + 6 + 6 * count, 6))
    return any(kind in (b"\0\1", b"\0\2") for kind in kinds)


def _has_deep_bands(image: Image.Image) -> bool:
    """Return whether a TIFF has several bands of more than 8 bits, of which Pillow would keep 8, or mix them up."""
    tags = cast(TiffImageFile, image).tag_v2
    bits = tags.get(tiff.BITS, (1,))
    return len(bits) > 1 and max(bits) > 8 and tags.get(tiff.PHOTOMETRIC) in (tiff.BLACK_IS_ZERO, tiff.RGB)


def _seems_short(image: Image.Image, file: BinaryIO) -> bool:
    """Return whether the last row is what decoders fill in for missing rows: grey in a JPEG, zeros in a PNG."""
    filling = {"JPEG": 128, "MPO": 128, "PNG": 0}.get(image.format or "")
    if filling is None or image.mode not in ("RGB", "L"):
        return False
    width, height = image.size
    last = image.crop((0, height - 1, width, height)).getextrema()
    bands = last if image.mode == "RGB" else (last,)
    if any(band != (filling, filling) for band in bands):
        return False
    if image.format != "PNG":
        return True
    # Many images end in black, but OpenCV, unlike Pillow, rejects a truncated PNG. It gets the bytes, because its
    # own file reader crashes on a name that isn't UTF-8.
    file.seek(0)
    return cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR) is None


def _eight_bit(image: Image.Image, file: BinaryIO, stated: _Stated) -> tuple[Image.Image, str]:
    """Return a loaded image with 8 bits per channel, and how its values were guessed."""
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow's own conversion would clip at 255.
        values = np.asarray(image)
        if values.dtype == np.int32 and stated.unsigned:
            values = values.view(np.uint32)
        scale = scale_of(values, stated.declared)
        grey = eight_bit(values, scale, inverted=stated.inverted)
        if isinstance(clear := image.info.get("transparency"), int):
            grey[values == clear] = 255
        return Image.fromarray(grey), scale.guess
    if image.format == "PNG" and image.mode in ("RGB", "RGBA") and _is_deep_png(file) and _is_dark(image):
        file.seek(0)
        bands = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
        if bands is not None and bands.ndim == 3:
            return _coloured(bands[:, :, 2::-1], bands[:, :, 3] if bands.shape[2] == 4 else None)
    return image, ""


def _is_deep_png(file: BinaryIO) -> bool:
    return os.pread(file.fileno(), 1, 24) == b"\x10"


def _is_dark(image: Image.Image) -> bool:
    """Return whether the high bytes that Pillow keeps of 16 bits look like values of 14 bits or less."""
    values = np.asarray(image)[:, :, :3]
    return scale_of(values.astype(np.uint16) << 8).white < _WHOLE[1]


def _coloured(
    values: Values, alpha: Values | None, declared: tuple[float, float] | None = None, *,
    premultiplied: bool = False, inverted: bool = False,
) -> tuple[Image.Image, str]:  # fmt: skip
    """Return deep grey or colour values, and a band of alpha, as an image of 8 bits, and how they were guessed."""
    scale = scale_of(values, declared)
    shown = eight_bit(values, scale, inverted=inverted)
    if alpha is None:
        return Image.fromarray(shown), scale.guess
    # Opacity is of the whole range, even where colours aren't: 12 bits in 16, with opaque pixels of 65,535.
    whole = 1.0 if alpha.dtype.kind == "f" else float(np.iinfo(alpha.dtype).max)
    top = scale.white if alpha.max() <= scale.white else whole
    opacity = Image.fromarray(eight_bit(alpha, Scale(0, top)))
    image = Image.fromarray(shown).convert("RGB")
    bands = (*image.split(), opacity)
    return Image.merge("RGBa" if premultiplied else "RGBA", bands), scale.guess


def _from_tiff(file: BinaryIO, max_pixels: int) -> Picture:
    """Return a TIFF that Pillow can't read as it is."""
    try:
        found = tiff.read_tiff(file, max_pixels)
    except tiff.UnreadableTiffError as error:
        raise BadImageError(str(error)) from None
    except tiff.LargeTiffError as error:
        _check_pixels(error.pixels, max_pixels)
        raise BadImageError(
            f"too large: its bands take more than 8 bytes for each of data.max_pixels={max_pixels}"
        ) from None
    height, width = found.values.shape[:2]
    if width * height <= 1:
        raise BadImageError("a single pixel")
    image, guess = _coloured(
        found.values, found.alpha, found.declared, premultiplied=found.premultiplied, inverted=found.inverted
    )
    pixels = _pixels(_turned(_opaque(image, alpha=True), found.orientation))
    return Picture(
        pixels,
        width,
        height,
        False,
        _oddities(pixels, guess, "" if found.alpha is not None else tiff.bands_guess(found.bands)),
    )


def _opaque(image: Image.Image, *, alpha: bool) -> Image.Image:
    """Return an image as RGB, over white where ``alpha`` or a transparent colour says so."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "LAB":
        return _from_lab(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") and not alpha:
        return image.convert("L" if image.mode in ("LA", "La") else "RGB").convert("RGB")
    if image.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in image.info:
        return image.convert("RGB")
    opaque = Image.new("RGB", image.size)
    # A few rows at a time, because each step would take four bytes a pixel.
    for top in range(0, image.height, _ROWS):
        part = image.crop((0, top, image.width, min(image.height, top + _ROWS))).convert("RGBA")
        ground = Image.new("RGBA", part.size, "white")
        opaque.paste(Image.alpha_composite(ground, part).convert("RGB"), (0, top))
    return opaque


def _from_lab(image: Image.Image) -> Image.Image:
    profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return cast(Image.Image, ImageCms.profileToProfile(image, *profiles, outputMode="RGB"))


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image turned as EXIF's ``orientation``, 1 to 8, says."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _pixels(image: Image.Image) -> Pixels:
    """Return an RGB image as an array."""
    if image.width * image.height < _MANY:
        return np.asarray(image)
    # A few rows at a time, because Pillow's own conversion holds the pixels twice more.
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _ROWS):
        bottom = min(image.height, top + _ROWS)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def _oddities(pixels: Pixels, *guesses: str) -> tuple[str, ...]:
    """Return the guesses made, and whether an image is of nearly one value, by a sample of its pixels."""
    height, width = pixels.shape[:2]
    sample = np.ascontiguousarray(pixels[:: max(1, height // 64), :: max(1, width // 64)])
    # Percentiles take 0.5 ms, so only where most values are close together.
    flat = bool(cv2.meanStdDev(sample)[1].max() < 4 * _FLAT)
    if flat:
        low, high = np.percentile(sample.reshape(-1, 3), (1, 99), axis=0)
        flat = (high - low).max() <= _FLAT
    return (*filter(None, guesses), *((FLAT,) if flat else ()))
