"""Two living runs on the same images, one with room for more of them than the other, and the file they share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from engine.core.cachedir import cache_files, cache_folder
from engine.data import cache_plan as keeping_module
from engine.data.cache.store import Cache, file_size, record_key
from engine.data.cache_plan import CachePlan
from engine.data.decode import Pixels
from engine.data.images import DataSet, ImageSet
from engine.data.loading.worker import open_caches
from engine.recipe.recipe import load_recipe
from tui.cli.cache import cache as show_cache

IMAGES, SIDE = 1000, 64
RECORD = 3 * SIDE * SIDE + 32
RECIPE = load_recipe(
    None,
    (
        "data.cache=disk", "data.train=/none", "data.val=/none", f"data.train_size={SIDE}", f"data.val_size={SIDE}",
        "augment.enabled=false",
    ),
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def data_set() -> DataSet:
    paths = [Path(f"/none/{number}.png") for number in range(IMAGES)]
    train, nothing = ImageSet("train", paths, [0] * IMAGES), ImageSet("val", [], [])
    return DataSet(["one"], train, nothing, ImageSet("test", [], []), "folders")


@contextmanager
def run(room: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[CachePlan]:
    """A run that may keep ``room`` bytes on disk."""
    monkeypatch.setattr(keeping_module, "DISK_LIMIT", room)
    keeping = CachePlan(RECIPE, data_set(), {})
    try:
        yield keeping
    finally:
        keeping.close()


def train_cache(keeping: CachePlan) -> Cache:
    return open_caches(keeping.places)["train"]


def picture(index: int, state: int = 0) -> Pixels:
    height, width = SIDE - index % 9, SIDE - index % 5
    return np.random.default_rng((index, state)).integers(0, 256, (height, width, 3), np.uint8)


def key(index: int, state: int = 0) -> bytes:
    return record_key(b"/none/%d.png" % index, 1, state, "keep")


def found_or_put(cache: Cache, index: int) -> Pixels:
    """What an image process does with an image."""
    found = cache.get(index, key(index))
    if found is None:
        found = picture(index)
        cache.put(index, key(index), found)
    return found


def test_runs_with_room_for_more_and_for_fewer_images(monkeypatch: pytest.MonkeyPatch) -> None:
    with run(10**9, monkeypatch) as large, run(150 * RECORD, monkeypatch) as small:
        (much,), (little,) = ([p for p in kept.places if p.split == "train"] for kept in (large, small))
        assert much.path == little.path
        assert (much.count, little.count) == (IMAGES, 150)
        # Two processes of each run.
        caches = [train_cache(keeping) for keeping in (large, small, large, small)]
        for epoch in range(3):
            turns = np.repeat(np.arange(len(caches)), IMAGES)
            np.random.default_rng(epoch).shuffle(turns)
            order = [iter(np.random.default_rng((epoch, turn)).permutation(IMAGES)) for turn in range(4)]
            for turn in turns.tolist():
                index = int(next(order[turn]))
                assert (found_or_put(caches[turn], index) == picture(index)).all(), (epoch, turn, index)
        for index in range(IMAGES):
            kept = [cache.get(index, key(index)) is not None for cache in caches]
            assert kept == [True, index < 150] * 2
    with run(10**9, monkeypatch) as later:
        cache = train_cache(later)
        for index in range(IMAGES):
            found = cache.get(index, key(index))
            assert found is not None
            assert (found == picture(index)).all()


def test_room_for_few_takes_the_disk_of_few(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    room = 150 * RECORD
    with run(room, monkeypatch) as small:
        cache = train_cache(small)
        for index in reversed(range(IMAGES)):
            cache.put(index, key(index), picture(0))
    slack = 3 * 4096  # where the table, the first record and the last end within a page
    (used,) = [file.size for file in cache_files(cache_folder()) if file.size]
    assert 150 * 3 * (SIDE - 9) * (SIDE - 5) <= used <= room + slack
    assert used < file_size(IMAGES, RECORD - 32) / 5
    assert show_cache() == 0
    assert capsys.readouterr().out.startswith(f"{used / 1e6:.1f} MB of at most 20.0 GB")
    with run(room, monkeypatch) as again:
        (place,) = [place for place in again.places if place.split == "train"]
        assert place.count == 150, "what it has itself is no less room"


def test_a_record_written_over_while_it_is_read_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file changed: the other run keeps its new state while this one reads the old, which it has checked."""
    fd = os.open(tmp_path / "x.pix", os.O_RDWR | os.O_CREAT)
    one, other = (Cache(fd, IMAGES, count, RECORD, checked=True) for count in (IMAGES, 10))
    one.put(3, key(3), picture(3))
    assert one.get(3, key(3)) is not None
    pread = os.pread

    def written_meanwhile(fd: int, length: int, offset: int) -> bytes:
        if length > 32:
            monkeypatch.setattr(os, "pread", pread)
            other.put(3, key(3, 1), picture(3, 1))
        return pread(fd, length, offset)

    monkeypatch.setattr(os, "pread", written_meanwhile)
    assert one.get(3, key(3)) is None
    fresh = one.get(3, key(3, 1))
    assert fresh is not None
    assert (fresh == picture(3, 1)).all()
    os.close(fd)


def test_what_a_run_wrote_itself_is_checked_like_all_else(tmp_path: Path) -> None:
    """Both write the record at the same time, of two states of the file: the last entry needn't be the last pixels'."""
    fd = os.open(tmp_path / "x.pix", os.O_RDWR | os.O_CREAT)
    one, other = (Cache(fd, IMAGES, count, RECORD, checked=True) for count in (IMAGES, 10))
    other.put(3, key(3, 1), picture(3, 1))
    late = os.pread(fd, RECORD, file_size(IMAGES, 0) + 3 * RECORD)
    one.put(3, key(3), picture(3))
    os.pwrite(fd, late, file_size(IMAGES, 0) + 3 * RECORD)
    assert one.get(3, key(3)) is None
    os.close(fd)
