"""Message types between the engine and its image processes, encoded as MessagePack arrays."""

import msgspec

from engine.layout.folders import Split


class Setup(msgspec.Struct, array_like=True, tag=True):
    """Configuration of an image process, sent before its first task and whenever it changes."""

    recipe: bytes
    """The recipe as JSON."""
    ground: tuple[int, int, int]
    """The colour of erased rectangles, RGB."""
    slot_bytes: int
    """Bytes of shared memory per batch."""
    caches: list["CachePlace"]


class CachePlace(msgspec.Struct, array_like=True):
    """The cache file of a split: ``fd`` holds the first ``count`` of its ``images``, each at most ``stride`` bytes."""

    split: Split
    fd: int
    path: bytes
    """The file's path; empty for memory that both sides have open as ``fd``."""
    images: int
    count: int
    stride: int


class Task(msgspec.Struct, array_like=True, tag=True):
    """A request to prepare one image and write it into shared memory.

    ``slot`` is the batch's region of that memory, ``place`` the image's position in the batch, ``index`` its position
    in the split. ``ticket`` identifies the batch.
    """

    ticket: int
    slot: int
    place: int
    split: Split
    epoch: int
    index: int
    path: bytes


class Done(msgspec.Struct, array_like=True):
    """The answer to a ``Task`` with the same ``ticket`` and ``place``."""

    ticket: int
    place: int
    stamp: int = 0
    """A hash of the file's size, modification time and inode, 0 for a file that can't be read."""
    problem: str = ""
    """Why the image can't be used; empty if its pixels were written."""
    note: str = ""
    """A warning about an image that is used; empty if there is none."""
    oddities: list[str] = []
    """What was guessed about its values, as ``Picture.oddities``: worth one warning for all images alike."""
