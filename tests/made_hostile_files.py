"""Files that somebody made to do harm, or that a disk did: images, tensor files, pickles."""

import io
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.data.decode import register_plugins
from tests.made_tiff import made_tiff

SIZE = (96, 64)
register_plugins()


def picture(mode: str = "RGB") -> Image.Image:
    """Return a picture of noise over a gradient, which no decoder's filling looks like."""
    rng = np.random.default_rng(7)
    x = np.linspace(0, 200, SIZE[0])[None, :, None] + rng.normal(20, 12, (SIZE[1], SIZE[0], 3))
    return Image.fromarray(np.clip(x, 0, 255).astype(np.uint8)).convert(mode)


def encoded(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    content = io.BytesIO()
    (image or picture()).save(content, kind, **options)
    return content.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bare_png(
    width: int, height: int, *, depth: int = 8, colour: int = 2, rows: int | None = None, extra: bytes = b""
) -> bytes:
    """Return a black PNG of which only ``rows`` are there; it packs about 1,000 to 1."""
    bands = {0: 1, 2: 3, 4: 2, 6: 4}.get(colour, 1)
    row = bytes(-(-width * depth * bands // 8) + 1)
    pack = zlib.compressobj(9)
    parts = [pack.compress(row) for _ in range(height if rows is None else rows)]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", b"".join(parts) + pack.flush())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


def resized_jpeg(width: int, height: int) -> bytes:
    """Return a small JPEG whose header (SOF0: marker, length, precision, height, width) says another size."""
    whole = encoded("JPEG")
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


def resized_tiff(content: bytes, width: int, height: int) -> bytes:
    """Return a TIFF of ``made_tiff`` whose first two tags say another size."""
    at = int.from_bytes(content[4:8], "little") + 2
    sizes = (struct.pack("<HHII", 256 + tag, 4, 1, size) for tag, size in enumerate((width, height)))
    return content[:at] + b"".join(sizes) + content[at + 24 :]


def flipped(content: bytes, at: int) -> bytes:
    """Return ``content`` with one byte turned over."""
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def damaged() -> dict[str, bytes]:
    """Return what is no image, or no longer one, by file name."""
    jpeg, png = encoded("JPEG"), encoded("PNG")
    idat = png.index(b"IDAT")
    return {
        "empty.jpg": b"",
        "zeros.jpg": bytes(4096),
        "svg.jpg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "page.jpg": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "program.png": b"\x7fELF" + os.urandom(2000),
        "marker.jpg": jpeg[:2],
        "head.jpg": jpeg[: jpeg.index(b"\xff\xda")],
        "half.jpg": jpeg[: len(jpeg) // 2],
        "almost.jpg": jpeg[: len(jpeg) * 9 // 10],
        "head.png": png[:20],
        "no-data.png": png[: idat - 4],
        "half.png": png[: len(png) // 2],
        "size-crc.png": flipped(png, 18),
        "data-crc.png": flipped(png, idat + 40),
        "colour.png": bare_png(*SIZE, colour=5),
        "depth.png": bare_png(*SIZE, depth=3),
        "no-width.png": bare_png(0, 64),
        "half.gif": encoded("GIF")[:400],
        "half.webp": encoded("WEBP", lossless=True)[:400],
        "half.bmp": encoded("BMP")[:5000],
        "half.tif": encoded("TIFF")[:5000],
        "packed-half.tif": encoded("TIFF", compression="tiff_lzw")[:5000],
        "half.avif": encoded("AVIF")[:1500],
        "half.heic": encoded("HEIF")[:1500],
        "half.jxl": encoded("JXL")[:1500],
        "head.jxl": encoded("JXL")[:4],
        "half.jp2": encoded("JPEG2000")[:1500],
        "half.ppm": encoded("PPM")[:5000],
        "half.tga": encoded("TGA")[:5000],
        "deep-half.tif": made_tiff(np.asarray(picture()).astype(np.uint16) * 257, 2)[:9000],
        "tiled-bomb.tif": resized_tiff(
            made_tiff(np.asarray(picture()).astype(np.uint16), 2), 1 << 20, 1 << 20
        ),
    }


def honest() -> dict[str, bytes]:
    """Return images that look odd and are none the worse for it, by file name; all show ``picture()``."""
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue")]
    deep = Image.fromarray(np.asarray(picture("L")).astype(np.uint16) * 257)
    profile = {"icc_profile": os.urandom(3000)}
    moving: dict[str, Any] = {"save_all": True, "append_images": frames}
    return {
        "cmyk.jpg": encoded("JPEG", picture("CMYK"), quality=95),
        "grey.jpg": encoded("JPEG", picture("L"), quality=95),
        "progressive.jpg": encoded("JPEG", progressive=True, quality=95),
        "trailing.jpg": encoded("JPEG", quality=95) + b"\0" * 5000,
        "profile.jpg": encoded("JPEG", quality=95, **profile),
        "really-a-png.jpg": encoded("PNG"),
        "deep.png": encoded("PNG", deep),
        "deep.tif": encoded("TIFF", deep),
        "palette.png": encoded("PNG", picture().quantize(256)),
        "alpha.png": encoded("PNG", picture("RGBA")),
        "clear-palette.gif": encoded("GIF", picture().quantize(256), transparency=255),
        "moving.gif": encoded("GIF", picture(), **moving),
        "moving.png": encoded("PNG", picture(), **moving),
        "moving.webp": encoded("WEBP", picture(), lossless=True, **moving),
        "packed.tif": encoded("TIFF", compression="tiff_lzw"),
        "cmyk.tif": encoded("TIFF", picture("CMYK")),
        "plain.bmp": encoded("BMP"),
        "picture.avif": encoded("AVIF", quality=90),
        "picture.heic": encoded("HEIF", quality=90),
        "picture.jxl": encoded("JXL", quality=95),
        "lossless.jxl": encoded("JXL", lossless=True),
        "picture.jp2": encoded("JPEG2000"),
        "picture.ppm": encoded("PPM"),
        "picture.tga": encoded("TGA"),
        "planes.tif": made_tiff(np.asarray(picture()).astype(np.uint16) * 257, 2, planar=2, deflate=True),
    }


def tensor_file(path: Path, header: Any, data: bytes = b"", *, length: int | None = None) -> Path:
    """Write a safetensors file: ``header`` (JSON, or bytes as they are), ``data``, and a ``length`` that may lie."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    path.write_bytes(struct.pack("<Q", size % 2**64) + text + data)
    return path


class Trap:
    """Runs a shell command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self._command,)
