"""Check the header of a safetensors file without importing torch or reading a tensor.

The format (https://huggingface.co/docs/safetensors): eight bytes with the length of the header, the header as JSON,
and the bytes of the tensors without gaps.
"""

import json
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.core.files import open_regular

_LARGEST_HEADER = 16 << 20
"""Bytes; the header of 10,000 tensors has about 1 MB."""


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file whose size matches its header.

    Raises OSError, and ValueError with the reason: truncated, too long, damaged, or a duplicate name. Reads at most
    16 MB and never blocks on a pipe or a device.
    """
    with open_regular(path) as file:
        available = os.fstat(file.fileno()).st_size
        (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
        if not 2 <= length <= min(_LARGEST_HEADER, available - 8):
            raise ValueError(f"its header can't have {length:,} bytes in a file of {available:,} bytes")
        header = _parsed(file.read(length))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata isn't text")
    size = 8 + length + max((_end(entry) for entry in header.values()), default=0)
    if size != available:
        raise ValueError(f"it has {available:,} bytes, its header says {size:,}")
    return metadata


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("its header is nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("its header isn't UTF-8 text") from None
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")
    return header


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise ValueError(f"its header names {name[:60]} twice")
        table[name] = value
    return table


def _end(entry: Any) -> int:
    match entry:
        case {"data_offsets": [int(start), int(end)]} if 0 <= start <= end:
            return end
    raise ValueError("its header lacks the offsets of a tensor")
