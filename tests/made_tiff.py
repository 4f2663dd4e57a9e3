"""TIFF files as cameras, scanners and satellites write them, and no library here does."""

import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

_PLANES = 2
_DEFLATE = 8


def made_tiff(
    values: npt.NDArray[Any], photometric: int, *, extra: list[int] | None = None, planar: int = 1, bits: int = 0,
    most: int | None = None, order: str = "<", deflate: bool = False, extremes: tuple[float, float] | None = None,
) -> bytes:  # fmt: skip
    """Return a TIFF of ``values`` (height, width) or (height, width, bands).

    ``photometric`` is 0 white is zero, 1 black is zero, 2 RGB; ``extra`` the ExtraSamples, ``planar`` 2 for one plane
    after the other, ``bits`` 12 for two values in three bytes, ``most`` the MaxSampleValue, ``extremes`` the
    SMinSampleValue and SMaxSampleValue, ``order`` ">" for the big end first.
    """
    bands = np.atleast_3d(values)
    height, width, count = bands.shape
    form = {"u": 1, "i": 2, "f": 3}[bands.dtype.kind]
    stored = bands.astype(bands.dtype.newbyteorder(order))
    planes = [stored[:, :, [band]] for band in range(count)] if planar == _PLANES else [stored]
    strips = [_packed(plane) if bits == 12 else plane.tobytes() for plane in planes]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    places = [8 + sum(map(len, strips[:number])) for number in range(len(strips))]
    tags: list[tuple[int, str, list[Any]]] = [
        (256, "I", [width]), (257, "I", [height]), (258, "H", [bits or bands.dtype.itemsize * 8] * count),
        (259, "H", [_DEFLATE if deflate else 1]), (262, "H", [photometric]), (273, "I", places), (277, "H", [count]),
        (278, "I", [height]), (279, "I", list(map(len, strips))), (284, "H", [planar]), (339, "H", [form] * count),
    ]  # fmt: skip
    tags += [(338, "H", extra)] if extra is not None else []
    tags += [(281, "H", [most] * count)] if most is not None else []
    tags += [(340, "f", [extremes[0]] * count), (341, "f", [extremes[1]] * count)] if extremes else []
    start = 8 + sum(map(len, strips))
    start += start % 2
    entries, beyond, base = b"", b"", start + 2 + 12 * len(tags) + 4
    for tag, kind, content in sorted(tags):
        packed = struct.pack(order + kind * len(content), *content)
        if len(packed) > 4:
            place = struct.pack(order + "I", base + len(beyond))
            beyond += packed + bytes(len(packed) % 2)
        else:
            place = packed.ljust(4, b"\0")
        entries += struct.pack(order + "HHI", tag, {"H": 3, "I": 4, "f": 11}[kind], len(content)) + place
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    body = (head + b"".join(strips)).ljust(start, b"\0")
    return body + struct.pack(order + "H", len(tags)) + entries + bytes(4) + beyond


def _packed(values: npt.NDArray[Any]) -> bytes:
    """Return values of 12 bits, two in three bytes."""
    flat = values.ravel().astype(np.uint32)
    pairs = flat[::2] << 12 | flat[1::2]
    return b"".join(int(pair).to_bytes(3, "big") for pair in pairs)
