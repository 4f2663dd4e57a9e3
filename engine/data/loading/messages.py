"""What the engine and its image processes say to each other."""

import msgspec

from engine.data.images import Split


class Setup(msgspec.Struct, array_like=True, tag=True):
    """Said to a new image process before its first task, and whenever it is to prepare images otherwise."""

    recipe: bytes
    """The recipe as JSON."""
    ground: tuple[int, int, int]
    """The colour of erased parts, RGB."""
    slot_bytes: int
    caches: list["CachePlace"]


class CachePlace(msgspec.Struct, array_like=True):
    """Where the decoded images of a split are kept: the first ``count`` of its ``images``, in the open file ``fd``."""

    split: Split
    fd: int
    path: bytes
    """The file's own path, or nothing for memory that both sides hold open as ``fd``."""
    images: int
    count: int
    stride: int


class Task(msgspec.Struct, array_like=True, tag=True):
    """Prepare one image and lay it into the shared memory."""

    ticket: int
    slot: int
    place: int
    split: Split
    epoch: int
    index: int
    path: bytes


class Done(msgspec.Struct, array_like=True):
    """The answer to a Task."""

    ticket: int
    place: int
    stamp: int = 0
    """Differs when the file's size or time differs."""
    problem: str = ""
    """Why the image can't be used; nothing when it lies in its place."""
    note: str = ""
    """What is odd about an image that is used."""
