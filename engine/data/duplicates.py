"""Near copies of images: re-encoded, resized, marked, slightly cropped or brightened; found by a perceptual hash.

The hash is pHash (Zauner 2010) of 256 bits, by the package ImageHash: the signs of the lowest frequencies of a 64x64
grey image. Two images are near copies if at most 40 bits differ and their colours agree on a grid of 8x8. Among 206
real photographs no two differ in fewer than 80 bits. Of their made copies of 32 px or more these are found, in percent
(median and largest number of bits in which they differ):

=====================================  =====  ===========
JPEG of quality 60                     100    2, 12
JPEG of quality 30                     100    2, 20
half the size                          100    4, 24
160 px wide                            100    2, 18
stretched to a square                  100    2, 16
2 % cropped, all sides                  97.6  19, 48
2 % cropped, one side                   98.5  24, 44
5 % cropped, all sides                  33    46, 94
a line of text in a corner             100    4, 22
10 % brighter                          100    6, 34
10 % darker                            100    2, 8
=====================================  =====  ===========

Rotated and mirrored copies are not found. Others that were tried: pHash and dHash of 64 bits find as much, but the
nearest distinct photographs are within 12 and 8 bits; dHash of 256 bits misses more of the cropped and brightened.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from engine.core.cores import available_cores
from engine.data.decode import BadImageError, read_image
from engine.layout.copies import Copies, Listed

Hashes = npt.NDArray[np.uint64]
"""Perceptual hashes, (n, 4): 256 bits each."""
Colours = npt.NDArray[np.uint8]
"""Mean RGB colours on a grid of 8x8, (n, 192)."""
Pairs = npt.NDArray[np.int64]
"""Positions of two images, (n, 2)."""

_SIDE, _GRID = 64, 8
_MOST_BITS = 40
# Nine in ten cells of the grid differ by less, on the average of red, green and blue: of the copies in the table at
# most by 27, of photographs that are 30 % brighter by 50.
_MOST_COLOUR = 40
_CELLS = _GRID * _GRID * 9 // 10
# Below, there is too little in an image for its hash: of 1,797 digits of 8x8 px, 46 pairs of different digits are
# within 40 bits.
_LEAST_SIDE = 32
# Standard deviation of grey values, below which the hash is rounding errors.
_LEAST_CONTRAST = 3.0
# Compared at a time: 16 MB of differences, which stay in the CPU's cache.
_ROWS, _COLUMNS = 64, 4096
_MANY = 2_000_000


@dataclass(frozen=True, slots=True)
class Near:
    """Groups of near copies, and how many images were not compared, with the reason in words as the key."""

    copies: list[Copies]
    omitted: dict[str, int]


def near_copies(
    images: Sequence[Listed], exact: Iterable[Copies] = (), tick: Callable[[], object] = lambda: None
) -> Near:
    """Decode the images, JPEGs at an eighth of their size, and return the groups of near copies.

    Of each group of ``exact`` copies only the first image takes part. ``tick`` is called for each image. On two
    busy cores it takes 4 ms for a JPEG of 500x375 px, 33 ms for one of 4000x3000 px, and another 17 s to compare all
    pairs of 100,000 images.
    """
    known = {image.path for one in exact for image in one.images[1:]}
    rest = [image for image in images if image.path not in known]
    alike: dict[tuple[bytes, bytes], list[Listed]] = defaultdict(list)
    omitted: dict[str, int] = defaultdict(int)
    with ThreadPoolExecutor(available_cores()) as threads:
        for image, marks in zip(rest, threads.map(_fingerprint, rest), strict=True):
            tick()
            if isinstance(marks, str):
                omitted[marks] += 1
            else:
                alike[marks].append(image)
    hashes = np.frombuffer(b"".join(marks[0] for marks in alike), np.uint64).reshape(-1, 4)
    colours = np.frombuffer(b"".join(marks[1] for marks in alike), np.uint8).reshape(-1, 3 * _GRID * _GRID)
    groups = connected(near_pairs(hashes, colours), len(alike))
    same = list(alike.values())
    order = {image.path: place for place, image in enumerate(rest)}
    copies = []
    for group in groups:
        members = [image for place in group for image in same[place]]
        if len(members) > 1:
            copies.append(Copies(tuple(sorted(members, key=lambda image: order[image.path])), exact=False))
    return Near(sorted(copies, key=lambda one: order[one.images[0].path]), dict(omitted))


def _fingerprint(image: Listed) -> tuple[bytes, bytes] | str:
    """Return the hash and the colours of an image, or why it isn't compared."""
    try:
        picture = read_image(image.path, least=_SIDE, shorter=True)
    except (BadImageError, OSError):
        return "can't be read"
    if min(picture.width, picture.height) < _LEAST_SIDE:
        return f"smaller than {_LEAST_SIDE} px"
    pixels = Image.fromarray(picture.pixels)
    grey = pixels.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    if np.asarray(grey).std() < _LEAST_CONTRAST:
        return "of almost one colour"
    bits = imagehash.phash(grey, hash_size=16).hash
    colours = pixels.resize((_GRID, _GRID), Image.Resampling.BOX)
    return np.packbits(bits).tobytes(), colours.tobytes()


def near_pairs(hashes: Hashes, colours: Colours) -> Iterator[Pairs]:
    """Yield pairs of positions (first < second) of near copies, in blocks.

    Half of the bits rule out all but one pair in thousands, so only the others are compared in full.
    """
    count = len(hashes)
    one, other = (np.ascontiguousarray(hashes[:, word]) for word in range(2))

    def of_rows(row: int) -> list[Pairs]:
        found = []
        rows = slice(row, min(row + _ROWS, count))
        for column in range(row, count, _COLUMNS):
            columns = slice(column, min(column + _COLUMNS, count))
            bits = np.bitwise_count(one[rows, None] ^ one[columns])
            bits += np.bitwise_count(other[rows, None] ^ other[columns])
            first, second = np.nonzero(bits <= _MOST_BITS)
            first, second = first + row, second + column
            later = first < second
            if later.any():
                found.append(_confirmed(np.stack((first[later], second[later]), axis=1), hashes, colours))
        return found

    with ThreadPoolExecutor(available_cores()) as threads:
        for found in threads.map(of_rows, range(0, count, _ROWS)):
            yield from found


def _confirmed(pairs: Pairs, hashes: Hashes, colours: Colours) -> Pairs:
    first, second = pairs.T
    near = np.bitwise_count(hashes[first] ^ hashes[second]).sum(axis=1) <= _MOST_BITS
    first, second = first[near], second[near]
    apart = (
        np.abs(colours[first].astype(np.int16) - colours[second]).reshape(-1, _GRID * _GRID, 3).mean(axis=2)
    )
    difference = np.partition(apart, _CELLS, axis=1)[:, _CELLS]
    return np.asarray(np.stack((first, second), axis=1)[difference <= _MOST_COLOUR], np.int64)


def connected(pairs: Iterable[Pairs], count: int) -> list[list[int]]:
    """Return the groups into which ``pairs`` divide ``count`` positions, also of one, each in order."""
    kept = np.zeros((0, 2), np.int64)
    waiting: list[Pairs] = []
    number = 0
    for block in pairs:
        waiting.append(block)
        number += len(block)
        if number > _MANY:  # frames of a film, each a near copy of thousands
            kept, waiting, number = _spanning(np.concatenate((kept, *waiting)), count), [], 0
    labels = _labels(np.concatenate((kept, *waiting)), count)
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    return [group.tolist() for group in np.split(order, starts[1:]) if len(group)]


def _spanning(pairs: Pairs, count: int) -> Pairs:
    """Return fewer pairs that connect the same: each position with the first of its group."""
    labels = _labels(pairs, count)
    _, firsts = np.unique(labels, return_index=True)
    heads = firsts[labels]
    tied = np.flatnonzero(heads != np.arange(count))
    return np.stack((heads[tied], tied), axis=1).astype(np.int64)


def _labels(pairs: Pairs, count: int) -> npt.NDArray[np.int64]:
    ones = np.ones(len(pairs), np.bool_)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
