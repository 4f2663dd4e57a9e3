"""Decoded pictures kept between epochs, in one open file: memory, or a file on disk.

A record is believed only when its key (path, size, time, geometry of the picture now asked for) is the
one it was written under, and, where it may come from an earlier run, when its checksum is right. It is written before
its entry in the table, and its entry is taken back before it is written over, so that a reader of the same file never
sees half of one.

Where a record lies follows from the images alone, never from how many of them a run has room for: runs share the file.
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
    """Return 16 bytes that stand for a file as it is now, prepared so."""
    text = b"%s\0%d\0%d\0%s" % (path, size, mtime_ns, geometry.encode())
    return blake2b(text, digest_size=16).digest()


def file_size(images: int, stride: int) -> int:
    """Return the bytes of a cache of ``images`` records of at most ``stride`` bytes, all of them written."""
    return _data_start(images) + images * stride


def record_size(stride: int) -> int:
    """Return the bytes of a record of ``stride`` bytes with its entry in the table."""
    return stride + _ENTRY.size


def _data_start(images: int) -> int:
    return -(-images * _ENTRY.size // _PAGE) * _PAGE


class Cache:
    """The first ``count`` of ``images`` records of up to ``stride`` bytes in the file open as ``fd``.

    All that use a file at the same time give it the same ``images`` and ``stride``; each may have its own ``count``.
    ``checked``: what is found may be from another run or have outlived a power cut, so each record's checksum
    is compared once. Raises OSError in ``put`` (disk full); what was there before is then still right.
    """

    def __init__(self, fd: int, images: int, count: int, stride: int, *, checked: bool) -> None:
        self._fd = fd
        self._count = count
        self._stride = stride
        self._start = _data_start(images)
        self._checked = checked
        self._unchecked = bytearray([checked]) * count

    def get(self, index: int, key: bytes) -> Pixels | None:
        """Return record ``index`` (height, width, 3), None when it isn't there, stale or torn."""
        if index >= self._count:
            return None
        entry = os.pread(self._fd, _ENTRY.size, index * _ENTRY.size)
        if len(entry) < _ENTRY.size or entry[:16] != key:
            return None
        _, height, width, checksum = _ENTRY.unpack(entry)
        length = height * width * 3
        data = os.pread(self._fd, length, self._start + index * self._stride)
        # Another may have begun to write it over, for a file that has changed, since the entry was read.
        if len(data) < length or os.pread(self._fd, _ENTRY.size, index * _ENTRY.size) != entry:
            return None
        if self._unchecked[index]:
            if zlib.crc32(data) != checksum:
                return None
            self._unchecked[index] = 0
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)

    def put(self, index: int, key: bytes, pixels: Pixels) -> None:
        """Keep ``pixels`` as record ``index``; one that is out of bounds is not kept."""
        height, width = pixels.shape[:2]
        data = pixels.tobytes()
        if index >= self._count or len(data) > self._stride or max(height, width) > 0xFFFF:
            return
        at = index * _ENTRY.size
        # A stale entry must not vouch for the new pixels while they are being written.
        os.pwrite(self._fd, bytes(16), at)
        _write(self._fd, data, self._start + index * self._stride)
        os.pwrite(self._fd, _ENTRY.pack(key, height, width, zlib.crc32(data)), at)
        # Another run may have been writing the same record, of another state of the file.
        self._unchecked[index] = self._checked


def _write(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
