"""Storage of decoded images in one open file, in memory or on disk.

A record is valid only if its key (a hash of path, size, modification time and requested geometry) matches and, where
it may come from an earlier run, its checksum does too. The record is written before its table entry, and the entry
is cleared before the record is overwritten, so a concurrent reader never sees a partial record.

The offset of a record depends only on the images, not on how many of them a run has space for, because runs share the
file.
"""

import os
import struct
import zlib
from hashlib import blake2b

import numpy as np

from engine.data.decode import Pixels

_ENTRY = struct.Struct("<16sHHI8x")
"""Key, height, width, checksum of a record."""
_PAGE = 4096


def record_key(path: bytes, size: int, mtime_ns: int, geometry: str) -> bytes:
    """Return the 16-byte key of a file in its current state, prepared with ``geometry``."""
    text = b"%s\0%d\0%d\0%s" % (path, size, mtime_ns, geometry.encode())
    return blake2b(text, digest_size=16).digest()


def file_size(images: int, stride: int) -> int:
    """Return the size, bytes, of a full cache file of ``images`` records of ``stride`` bytes."""
    return _data_start(images) + images * stride


def record_size(stride: int) -> int:
    """Return the bytes of a record of ``stride`` bytes including its table entry."""
    return stride + _ENTRY.size


def _data_start(images: int) -> int:
    return -(-images * _ENTRY.size // _PAGE) * _PAGE


class Cache:
    """The first ``count`` of ``images`` records of up to ``stride`` bytes in the open file ``fd``.

    All users of a file must pass the same ``images`` and ``stride``; ``count`` may differ. With ``checked``, for files
    that may come from another run or have survived a power failure, the checksum of each record is verified once.
    """

    def __init__(self, fd: int, images: int, count: int, stride: int, *, checked: bool) -> None:
        self._fd = fd
        self._count = count
        self._stride = stride
        self._start = _data_start(images)
        self._checked = checked
        self._unchecked = bytearray([checked]) * count

    def get(self, index: int, key: bytes) -> Pixels | None:
        """Return record ``index`` (height, width, 3), None if it is missing, stale or incomplete."""
        if index >= self._count:
            return None
        entry = os.pread(self._fd, _ENTRY.size, index * _ENTRY.size)
        if len(entry) < _ENTRY.size or entry[:16] != key:
            return None
        _, height, width, checksum = _ENTRY.unpack(entry)
        length = height * width * 3
        data = os.pread(self._fd, length, self._start + index * self._stride)
        # Another run may have started to overwrite the record since the entry was read, because the image changed.
        if len(data) < length or os.pread(self._fd, _ENTRY.size, index * _ENTRY.size) != entry:
            return None
        if self._unchecked[index]:
            if zlib.crc32(data) != checksum:
                return None
            self._unchecked[index] = 0
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)

    def put(self, index: int, key: bytes, pixels: Pixels) -> None:
        """Store ``pixels`` as record ``index``, unless the index or the size is out of bounds.

        Raises OSError, for example if the disk is full; other records stay valid.
        """
        height, width = pixels.shape[:2]
        data = pixels.tobytes()
        if index >= self._count or len(data) > self._stride or max(height, width) > 0xFFFF:
            return
        at = index * _ENTRY.size
        # Clear the entry first: a stale one must not validate partly written pixels.
        os.pwrite(self._fd, bytes(16), at)
        _write(self._fd, data, self._start + index * self._stride)
        os.pwrite(self._fd, _ENTRY.pack(key, height, width, zlib.crc32(data)), at)
        # Another run may be writing the same record from a different version of the image, so check it again.
        self._unchecked[index] = self._checked


def _write(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
