"""Every format, depth and oddity of pictures as people have them, with the values that come out."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from engine.data import decode
from engine.data.decode import FLAT, BadImageError, read_image
from engine.data.jxl_size import jxl_size
from engine.layout import kinds
from tests.made_hostile_files import bare_png, chunk, encoded, resized_jpeg
from tests.made_tiff import made_tiff

Values = npt.NDArray[Any]
WIDTH, HEIGHT = 24, 16
GREY = np.linspace(0, 255, WIDTH * HEIGHT).round().astype(np.uint8).reshape(HEIGHT, WIDTH)
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY // 2], axis=2)
UNIT = GREY / 255.0


def decoded(tmp_path: Path, content: bytes, name: str = "picture.jpg", **options: Any) -> decode.Picture:
    """Read a picture under a name that says nothing of its kind."""
    path = tmp_path / name
    path.write_bytes(content)
    return read_image(path, **options)


def check(found: decode.Picture, expected: Values, tolerance: float) -> None:
    expected = np.stack([expected] * 3, axis=2) if expected.ndim == 2 else expected
    assert found.pixels.dtype == np.uint8
    assert found.pixels.shape == expected.shape
    error = np.abs(found.pixels.astype(int) - expected.astype(int))
    assert error.mean() <= tolerance, f"mean error {error.mean():.1f}"


def bits(depth: int, dtype: str = "u2") -> Values:
    """Return the grey gradient in ``depth`` bits."""
    return np.round(UNIT * (2**depth - 1)).astype(dtype)


def with_stray(values: Values, stray: float) -> Values:
    changed = values.copy()
    changed[3, 5] = stray
    return changed


def saved(kind: str, values: Values, **options: Any) -> bytes:
    return encoded(kind, Image.fromarray(values), **options)


def pgm(values: Values, most: int) -> bytes:
    body = values.astype(">u2" if most > 255 else "u1").tobytes()
    return f"P5 {WIDTH} {HEIGHT} {most}\n".encode() + body


def plain_ppm() -> bytes:
    return f"P3\n# a comment\n{WIDTH} {HEIGHT}\n255\n{' '.join(map(str, COLOUR.ravel()))}\n".encode()


def pfm() -> bytes:
    return f"Pf\n{WIDTH} {HEIGHT}\n-1.0\n".encode() + UNIT[::-1].astype("<f4").tobytes()


def heif(image: Image.Image, **options: Any) -> bytes:
    pytest.importorskip("pillow_heif")
    import pillow_heif

    content = io.BytesIO()
    pillow_heif.from_pillow(image).save(content, quality=-1, chroma=444, **options)
    return content.getvalue()


def jxl(image: Image.Image, **options: Any) -> bytes:
    pytest.importorskip("pillow_jxl")
    return encoded("JXL", image, lossless=True, **options)


def tga(depth: int, descriptor: int) -> bytes:
    """Return a TGA of version 1 of COLOUR, with a fourth byte of 0 at 32 bits."""
    bands = COLOUR[:, :, ::-1]
    bands = np.concatenate([bands, np.zeros_like(bands[:, :, :1])], axis=2) if depth == 32 else bands
    head = bytes([0, 0, 2, *[0] * 9]) + bytes([WIDTH, 0, HEIGHT, 0, depth, descriptor | 0x20])
    return head + bands.tobytes()


FORMATS: dict[str, tuple[Callable[[], bytes], Values, float]] = {
    "AVIF": (lambda: saved("AVIF", COLOUR, quality=100, subsampling="4:4:4"), COLOUR, 3),
    "HEIC": (lambda: heif(Image.fromarray(COLOUR)), COLOUR, 3),
    "HEIC grey": (lambda: heif(Image.fromarray(GREY)), GREY, 2),
    "JPEG XL": (lambda: jxl(Image.fromarray(COLOUR)), COLOUR, 0),
    "JPEG XL in a container": (lambda: jxl(Image.fromarray(COLOUR), use_container=True), COLOUR, 0),
    "JPEG XL 16 bits": (lambda: jxl(Image.fromarray(bits(16))), GREY, 0.6),
    "JPEG XL floats": (lambda: jxl(Image.fromarray(UNIT.astype("f4"))), GREY, 0.6),
    "JPEG 2000": (lambda: saved("JPEG2000", COLOUR), COLOUR, 0),
    "JPEG 2000 codestream": (lambda: saved("JPEG2000", COLOUR, no_jp2=True), COLOUR, 0),
    "JPEG 2000 16 bits": (lambda: saved("JPEG2000", bits(16)), GREY, 0.6),
    "PPM": (lambda: saved("PPM", COLOUR), COLOUR, 0),
    "PPM in words": (plain_ppm, COLOUR, 0),
    "PGM": (lambda: pgm(GREY, 255), GREY, 0),
    "PGM 4 bits": (lambda: pgm(GREY // 17, 15), GREY // 17 * 17, 0),
    "PGM 12 bits": (lambda: pgm(bits(12), 4095), GREY, 0.6),
    "PGM 12 bits, dark": (lambda: pgm(bits(12) // 8, 4095), GREY // 8, 0.6),
    "PGM 16 bits": (lambda: pgm(bits(16), 65535), GREY, 0.6),
    "PGM 12 bits in 16": (lambda: pgm(bits(12), 65535), GREY, 0.6),
    "PBM": (lambda: encoded("PPM", Image.fromarray(GREY > 127)), (GREY > 127) * 255, 0),
    "PFM": (pfm, GREY, 0.6),
    "TGA": (lambda: saved("TGA", COLOUR), COLOUR, 0),
    "TGA packed": (lambda: saved("TGA", COLOUR, compression="tga_rle"), COLOUR, 0),
    "MPO": (lambda: encoded("MPO", Image.fromarray(GREY), quality=95), GREY, 3),
    "PNG 16 bits RGB": (lambda: deep_png(16), COLOUR, 1),
    "PNG 12 bits in 16 RGB": (lambda: deep_png(12), COLOUR, 1),
    "PNG 12 bits in 16 RGBA": (lambda: deep_png(12, opaque=True), COLOUR, 1),
}


def deep_png(depth: int, *, opaque: bool = False) -> bytes:
    values = np.round(COLOUR / 255.0 * (2**depth - 1)).astype(">u2")
    if opaque:
        values = np.concatenate([values, np.full_like(values[:, :, :1], 65535)], axis=2).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    whole = bare_png(WIDTH, HEIGHT, depth=16, colour=6 if opaque else 2, rows=0)
    start = whole.index(b"IDAT") - 4
    return whole[:start] + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_read_whatever_their_name(tmp_path: Path, name: str) -> None:
    make, expected, tolerance = FORMATS[name]
    check(decoded(tmp_path, make(), "picture.png"), expected, tolerance)


def test_a_tga_of_the_first_version_is_known_by_its_suffix(tmp_path: Path) -> None:
    """It has no sign at all."""
    check(decoded(tmp_path, tga(24, 0), "picture.TGA"), COLOUR, 0)
    with pytest.raises(BadImageError, match="not an image"):
        decoded(tmp_path, tga(24, 0), "picture.jpg")


U2, I2 = bits(16), (bits(12).astype("i2") - 1000)
RGB2 = np.round(COLOUR / 255.0 * 65535).astype("u2")
RGB12 = np.round(COLOUR / 255.0 * 4095).astype("u2")
NIR = GREY[:, ::-1, None] // 3


def and_nir(values: Values, count: int = 1) -> Values:
    more = np.repeat(NIR.astype(values.dtype), count, axis=2)
    return np.concatenate([values, more], axis=2)


TIFFS: dict[str, tuple[bytes, Values, str]] = {
    "16 bits": (made_tiff(U2, 1), GREY, ""),
    "16 bits, big end": (made_tiff(U2, 1, order=">"), GREY, ""),
    "16 bits, white is zero": (made_tiff(U2, 0), 255 - GREY, ""),
    "16 bits, white is zero, big end": (made_tiff(U2, 0, order=">"), 255 - GREY, ""),
    "14 bits in 16": (made_tiff(bits(14), 1), GREY, "16-bit values read as 14-bit"),
    "12 bits in 16": (made_tiff(bits(12), 1), GREY, "read as 12-bit"),
    "12 bits in 16, one stray": (made_tiff(with_stray(bits(12), 65535), 1), with_stray(GREY, 255), "12-bit"),
    "12 bits in 16, white is zero": (made_tiff(bits(12), 0), 255 - GREY, "read as 12-bit"),
    "12 bits in 16, as the file says": (made_tiff(bits(12) // 2, 1, most=4095), GREY // 2, ""),
    "12 bits packed": (made_tiff(bits(12), 1, bits=12), GREY, ""),
    "10 bits in 16": (made_tiff(bits(10), 1), GREY, "read as 10-bit"),
    "8 bits in 16": (made_tiff(GREY.astype("u2"), 1), GREY, "read as 8-bit"),
    "8 bits, white is zero": (made_tiff(GREY, 0), 255 - GREY, ""),
    "8 bits in 32": (made_tiff(GREY.astype("i4"), 1), GREY, "read as 8-bit"),
    "16 bits in 32": (made_tiff(bits(16, "i4"), 1), GREY, "read as 16-bit"),
    "20 bits in 32": (made_tiff(bits(20, "i4"), 1), GREY, "read as 20-bit"),
    "32 bits without sign": (made_tiff(bits(32, "u4"), 1), GREY, ""),
    "32 bits without sign, big end": (made_tiff(bits(32, "u4"), 1, order=">"), GREY, ""),
    "signed 16 bits": (made_tiff(I2, 1), GREY, "signed values"),
    "floats from 0 to 1": (made_tiff(UNIT.astype("f4"), 1), GREY, ""),
    "floats, white is zero": (made_tiff(UNIT.astype("f4"), 0), 255 - GREY, ""),
    "floats, one stray": (made_tiff(with_stray(UNIT.astype("f4"), 1e9), 1), with_stray(GREY, 255), ""),
    "floats, one below": (made_tiff(with_stray(UNIT.astype("f4"), -9999), 1), with_stray(GREY, 0), ""),
    "floats, one no number": (made_tiff(with_stray(UNIT.astype("f4"), np.nan), 1), with_stray(GREY, 0), ""),
    "floats, infinite": (made_tiff(with_stray(UNIT.astype("f4"), np.inf), 1), with_stray(GREY, 255), ""),
    "floats a little over": (made_tiff((UNIT * 1.01).astype("f4"), 1), GREY, ""),
    "floats from -1 to 1": (made_tiff((UNIT * 2 - 1).astype("f4"), 1), GREY, "-1 read as black"),
    "floats to 255": (made_tiff(GREY.astype("f4"), 1), GREY, "floats to 255"),
    "floats to 5": (made_tiff((UNIT * 5).astype("f4"), 1), GREY, "stretched"),
    "floats of temperature": (made_tiff((UNIT * 40 + 273).astype("f4"), 1), GREY, "stretched"),
    "floats, as the file says": (
        made_tiff((UNIT * 5).astype("f4"), 1, extremes=(0.0, 10.0)), GREY // 2, "",
    ),
    "doubles": (made_tiff(UNIT.astype("f8"), 1), GREY, ""),
    "half floats": (made_tiff(UNIT.astype("f2"), 1), GREY, ""),
    "16 bits RGB": (made_tiff(RGB2, 2), COLOUR, ""),
    "16 bits RGB, big end": (made_tiff(RGB2, 2, order=">"), COLOUR, ""),
    "16 bits RGB, planes": (made_tiff(RGB2, 2, planar=2), COLOUR, ""),
    "16 bits RGB, deflated": (made_tiff(RGB2, 2, deflate=True), COLOUR, ""),
    "12 bits in 16 RGB": (made_tiff(RGB12, 2), COLOUR, "read as 12-bit"),
    "floats RGB": (made_tiff((COLOUR / 255.0).astype("f4"), 2), COLOUR, ""),
    "8 bits RGB, planes": (made_tiff(COLOUR, 2, planar=2), COLOUR, ""),
    "three bands of no colour": (made_tiff(COLOUR, 1), COLOUR, ""),
    "RGB+NIR": (made_tiff(and_nir(COLOUR), 2, extra=[0]), COLOUR, "4 bands"),
    "RGB+NIR, nothing said": (made_tiff(and_nir(COLOUR), 2), COLOUR, "4 bands"),
    "RGB+NIR, planes": (made_tiff(and_nir(COLOUR), 2, extra=[0], planar=2), COLOUR, "4 bands"),
    "RGB+NIR, no colour": (made_tiff(and_nir(COLOUR), 1, extra=[0, 0, 0]), COLOUR, "4 bands"),
    "RGB+NIR, 16 bits": (made_tiff(and_nir(RGB2), 2), COLOUR, "4 bands"),
    "RGB+NIR, 16 bits, planes": (made_tiff(and_nir(RGB2), 1, planar=2), COLOUR, "4 bands"),
    "five bands": (made_tiff(and_nir(COLOUR, 2), 2, extra=[0, 0]), COLOUR, "5 bands"),
    "eight bands, 16 bits": (made_tiff(and_nir(RGB2, 5), 1, extra=[0] * 7), COLOUR, "8 bands"),
    "RGBA": (made_tiff(and_nir(COLOUR), 2, extra=[2]), np.round(255 - (255.0 - COLOUR) * NIR / 255), ""),
    "RGBA, 16 bits": (
        made_tiff(np.concatenate([RGB2, NIR.astype("u2") * 257], axis=2), 2, extra=[2]),
        np.round(255 - (255.0 - COLOUR) * NIR / 255), "",
    ),
    "RGBA, opaque, 12 bits": (
        made_tiff(np.concatenate([RGB12, np.full_like(RGB12[:, :, :1], 65535)], axis=2), 2, extra=[2]), COLOUR,
        "12-bit",
    ),
    "RGBA, multiplied": (
        made_tiff(np.concatenate([COLOUR // 2, np.full_like(NIR, 128)], axis=2), 2, extra=[1]),
        COLOUR // 2 + 127, "",
    ),
    "grey and another band": (made_tiff(np.concatenate([GREY[:, :, None], NIR], axis=2), 1, extra=[0]), GREY, ""),
    "grey and alpha, 16 bits": (
        made_tiff(np.stack([U2, np.full_like(U2, 65535)], axis=2), 1, extra=[2]), GREY, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TIFFS)
def test_tiffs_come_out_as_they_are_meant(tmp_path: Path, name: str) -> None:
    content, expected, guess = TIFFS[name]
    found = decoded(tmp_path, content)
    check(found, np.asarray(expected), 1.5)
    said = "; ".join(found.oddities)
    assert guess in said
    assert said if guess else not said


FLATS: dict[str, tuple[Values, bool]] = {
    "one colour": (np.full((HEIGHT, WIDTH, 3), 90, np.uint8), True),
    "black": (np.zeros((HEIGHT, WIDTH), np.uint8), True),
    "one stray": (with_stray(np.full((HEIGHT, WIDTH), 90, np.uint8), 255), True),
    "labels of a mask": (GREY // 40, True),
    "dim": (GREY // 16, False),
    "a tenth is another": (np.where(GREY > 230, 255, 0).astype(np.uint8), False),
    "colours of one brightness": (np.stack([GREY, 255 - GREY, np.zeros_like(GREY)], axis=2), False),
}


@pytest.mark.parametrize("name", FLATS)
def test_nearly_one_value_is_said(tmp_path: Path, name: str) -> None:
    values, flat = FLATS[name]
    assert decoded(tmp_path, saved("PNG", values)).oddities == ((FLAT,) if flat else ())


@pytest.mark.parametrize(
    ("content", "alpha"),
    [
        (encoded("JPEG2000", Image.fromarray(COLOUR).convert("RGBA")), True),
        (encoded("JPEG2000", Image.fromarray(COLOUR).convert("RGBA"), no_jp2=True), False),
        (tga(32, 8), True),
        (tga(32, 0), False),
    ],
    ids=["JPEG 2000", "JPEG 2000 codestream", "TGA with alpha", "TGA without"],
)
def test_only_declared_alpha_is_alpha(tmp_path: Path, content: bytes, alpha: bool) -> None:
    """A fourth band that nothing declares as alpha is no reason to whiten the others."""
    found = decoded(tmp_path, content, "picture.tga")
    clear = content[:3] == b"\0\0\2" and alpha
    check(found, np.full_like(COLOUR, 255) if clear else COLOUR, 0)


def test_grey_that_a_png_declares_transparent_is_white(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.fromarray(U2).save(content, "PNG", transparency=0)
    expected = GREY.copy()
    expected[GREY == 0] = 255
    check(decoded(tmp_path, content.getvalue()), expected, 0.6)


@pytest.mark.parametrize("mode", ["LAB", "YCbCr", "CMYK"])
def test_other_colours(tmp_path: Path, mode: str) -> None:
    smooth = Image.fromarray(np.stack([GREY, GREY, 255 - GREY // 2], axis=2))
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(smooth, *profiles, outputMode="LAB")
    else:
        image = smooth.convert(mode)
    check(decoded(tmp_path, encoded("TIFF", image)), np.asarray(smooth), 6)


def jpeg(side: int = 64, **options: Any) -> bytes:
    return encoded("JPEG", Image.fromarray(COLOUR).resize((side, side)), **options)


COSTS: dict[str, tuple[bytes, int, int, bool]] = {
    "JPEG at an eighth": (jpeg(), 8, 600, True),
    "JPEG at an eighth, still too large": (jpeg(), 8, 500, False),
    "JPEG at a half": (jpeg(), 32, 1024, True),
    "JPEG at a half, too large": (jpeg(), 32, 1023, False),
    "JPEG whole": (jpeg(), 0, 4095, False),
    "JPEG whole, just so": (jpeg(), 0, 4096, True),
    "progressive JPEG, which is held whole": (jpeg(progressive=True), 8, 4095, False),
    "PNG": (saved("PNG", COLOUR), 8, 383, False),
    "PNG, just so": (saved("PNG", COLOUR), 8, 384, True),
    "TIFF of deep bands": (made_tiff(RGB2, 2), 8, 383, False),
    "TIFF of many deep bands": (made_tiff(and_nir(RGB2, 5), 1), 8, 384, False),
    "TIFF of few deep bands": (made_tiff(RGB2, 2), 8, 384, True),
    "JPEG XL": (jxl(Image.fromarray(COLOUR)), 0, 383, False),
    "JPEG XL, just so": (jxl(Image.fromarray(COLOUR)), 0, 384, True),
    "HEIC": (heif(Image.fromarray(COLOUR)), 0, 383, False),
}


@pytest.mark.parametrize("name", COSTS)
def test_what_decoding_costs_is_limited(tmp_path: Path, name: str) -> None:
    content, least, limit, allowed = COSTS[name]
    if allowed:
        assert decoded(tmp_path, content, least=least, max_pixels=limit).pixels.any()
    else:
        with pytest.raises(BadImageError, match=f"too large: .* data.max_pixels={limit}"):
            decoded(tmp_path, content, least=least, max_pixels=limit)


def test_a_photograph_of_200_megapixels_is_read_small(tmp_path: Path) -> None:
    """And nothing is printed about it. Few of its rows are there, so that it is fast."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = decoded(tmp_path, resized_jpeg(16_320, 12_240), least=320)
    assert (found.width, found.height, *found.pixels.shape) == (16_320, 12_240, 1_530, 2_040, 3)


@pytest.mark.parametrize(
    "size", [(8, 8), (256, 256), (40, 24), (300, 200), (1, 1000), (1600, 900), (1080, 1080)]
)
@pytest.mark.parametrize("options", [{}, {"use_container": True}])
def test_the_size_of_a_jpeg_xl_is_read_before_it_is_decoded(
    tmp_path: Path, size: tuple[int, int], options: dict[str, bool]
) -> None:
    path = tmp_path / "picture.jxl"
    path.write_bytes(jxl(Image.new("L", size, 7), **options))
    with path.open("rb") as file:
        assert jxl_size(file) == size


def test_a_jpeg_xl_bomb_is_not_decoded(tmp_path: Path) -> None:
    # Not small; height in 30 bits, all ones; ratio 1:1.
    header = 0 | 3 << 1 | (2**30 - 1) << 3 | 1 << 33
    with pytest.raises(BadImageError, match="too large"):
        decoded(tmp_path, b"\xff\x0a" + header.to_bytes(8, "little") + bytes(50))


def test_a_deflated_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A strip of a megabyte becomes a gigabyte, of an image of a kilobyte."""
    honest = made_tiff(RGB2, 2, deflate=True)
    pack = zlib.compressobj(9)
    strip = b"".join(pack.compress(bytes(1 << 20)) for _ in range(200)) + pack.flush()
    start = int.from_bytes(honest[4:8], "little")
    entries = bytearray(honest[start:])
    for at in range(2, 2 + 12 * entries[0], 12):
        tag = int.from_bytes(entries[at : at + 2], "little")
        if tag in (273, 279):
            entries[at + 8 : at + 12] = struct.pack("<I", len(honest) if tag == 273 else len(strip))
    with pytest.raises(BadImageError, match="too large"):
        decoded(tmp_path, honest[:start] + bytes(entries) + strip)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript; render to PNG"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG; render to PNG"),
        (bytes(128) + b"DICM" + bytes(50), "DICOM; export as PNG or TIFF"),
        (b"8BPS" + bytes(50), "Photoshop; convert to PNG or JPEG"),
        (b"\0\0\0\x18ftypmp42" + bytes(50), "video; extract frames"),
    ],
)
def test_what_another_kind_is_and_what_to_do(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BadImageError, match=f"not an image that can be read here: {said}"):
        decoded(tmp_path, content)


@pytest.mark.parametrize(
    ("make", "name", "extra"),
    [
        (lambda: heif(Image.fromarray(COLOUR)), "HEIC", "heif"),
        (lambda: jxl(Image.fromarray(COLOUR)), "JPEG XL", "jxl"),
    ],
)
def test_without_the_plugin_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], bytes], name: str, extra: str
) -> None:
    content = make()
    monkeypatch.setattr(kinds, "installed", lambda _name: False)
    with pytest.raises(BadImageError, match=rf"{name}; pip install 'vrdl-tui\[{extra}\]'"):
        decoded(tmp_path, content)


@pytest.mark.parametrize(
    "make", [lambda image, exif: heif(image, exif=exif), lambda image, exif: jxl(image, exif=exif)]
)
def test_other_formats_obey_the_orientation(
    tmp_path: Path, make: Callable[[Image.Image, bytes], bytes]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(COLOUR).transpose(Image.Transpose.ROTATE_90)
    check(decoded(tmp_path, make(turned, exif.tobytes())), COLOUR, 4)


def test_a_large_image_is_reduced_before_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "_LARGE", 1000)
    monkeypatch.setattr(decode, "_MANY", 100)
    smooth = Image.fromarray(COLOUR).resize((240, 160))
    small = decoded(tmp_path, encoded("PNG", smooth), least=60)
    assert (small.width, small.height, *small.pixels.shape) == (240, 160, 40, 60, 3)
    assert np.abs(small.pixels.astype(int) - np.asarray(smooth.reduce(4))).max() <= 1
    assert decoded(tmp_path, encoded("PNG", smooth.quantize(64)), least=60).pixels.shape == (40, 60, 3)
    assert decoded(tmp_path, encoded("PNG", smooth.convert("1")), least=60).pixels.shape == (40, 60, 3)
    assert decoded(tmp_path, encoded("PNG", smooth), least=60, shorter=True).pixels.shape == (80, 120, 3)
