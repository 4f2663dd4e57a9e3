"""The size of a JPEG XL image by its first bytes; its Pillow plugin decodes the image before it tells the size."""

import os
from typing import BinaryIO

_SIGNATURE = b"\xff\x0a"
# ISO/IEC 18181-1, SizeHeader: bits are read from each byte's lowest on.
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_LENGTHS = (9, 13, 18, 30)


_HEAD = 32
_BOXES = 1000
"""Boxes before the codestream that are looked at."""


def jxl_size(file: BinaryIO) -> tuple[int, int]:
    """Return (width, height) of an image in an open file. Raises ValueError if there is none, and OSError."""
    bits = _Bits(_codestream(file.fileno())[2:])
    if bits.read(1):
        height = 8 * (1 + bits.read(5))
        ratio = bits.read(3)
        width = 0 if ratio else 8 * (1 + bits.read(5))
    else:
        height = 1 + bits.read(_LENGTHS[bits.read(2)])
        ratio = bits.read(3)
        width = 0 if ratio else 1 + bits.read(_LENGTHS[bits.read(2)])
    if ratio:
        over, under = _RATIOS[ratio - 1]
        width = height * over // under
    return width, height


def _codestream(fd: int) -> bytes:
    """Return the first bytes of the codestream, from its signature on, in a container or bare."""
    at = 0
    for _ in range(_BOXES):
        head = os.pread(fd, _HEAD, at)
        if not at and head.startswith(_SIGNATURE):
            return head
        length, kind, start = int.from_bytes(head[:4], "big"), head[4:8], 8
        if length == 1:
            length, start = int.from_bytes(head[8:16], "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            stream = os.pread(fd, _HEAD, at + start + (4 if kind == b"jxlp" else 0))
            if stream.startswith(_SIGNATURE):
                return stream
        if length < 8:
            break
        at += length
    raise ValueError("no JPEG XL codestream in the file")


class _Bits:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def read(self, count: int) -> int:
        """Return the next ``count`` bits. Raises ValueError at the end."""
        if self._at + count > 8 * len(self._content):
            raise ValueError("the JPEG XL header is cut off")
        whole = int.from_bytes(self._content[:16], "little")
        value = whole >> self._at & (1 << count) - 1
        self._at += count
        return value
