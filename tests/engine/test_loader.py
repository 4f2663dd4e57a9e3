"""Image processes and their caches: the same pixels whatever happens to them."""

import contextlib
import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.core.cachedir import cache_files, cache_folder, remove_unused
from engine.core.errors import UserError
from engine.data.cache_plan import CachePlan
from engine.data.images import DataSet, scan
from engine.data.loading.loader import Batch, Loader
from engine.data.loading.messages import Done
from engine.data.loading.pool import Pool
from engine.data.order import Indices, plain_batches, train_batches
from engine.recipe.recipe import Recipe, load_recipe
from tests.made_data import make_pictures

GROUND = (124, 116, 104)


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    folder = make_pictures(tmp_path / "pictures", train=12, val=4, test=3)
    recipe = made_recipe(folder)
    return scan(recipe.data, 0, tmp_path / "split.csv")


def made_recipe(folder: Path, *settings: str) -> Recipe:
    places = (f"data.train={folder}/train", f"data.val={folder}/val", f"data.test={folder}/test")
    return load_recipe(
        None, ("data.train_size=32", "data.val_size=48", "data.batch_size=5", *places, *settings)
    )


class Bench:
    """A loader on processes of its own, and what it told."""

    def __init__(self, data: DataSet, workers: int, *settings: str) -> None:
        self.data = data
        self.recipe = made_recipe(data.train.paths[0].parents[2], *settings)
        self.pool = Pool(workers)
        self.deaths: list[str] = []
        self.pool.told = self.deaths.append
        self.keeping = CachePlan(self.recipe, data, self.pool.cache_memory)
        self.loader = Loader(self.recipe, GROUND, self.keeping.places, self.pool)
        self.dones: list[Done] = []
        self.problems: dict[str, str] = {}

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.keeping.close()
        self.pool.close()

    def plan(self, epoch: int = 1) -> list[Indices]:
        return train_batches(len(self.data.train), 5, seed=0, epoch=epoch)

    def batches(self, epoch: int = 1) -> Iterator[Batch]:
        return self.loader.batches(self.data.train, self.plan(epoch), epoch, self._hear)

    def epoch(self, epoch: int = 1) -> list[tuple[list[int], bytes]]:
        return [(batch.indices.tolist(), batch.pixels.tobytes()) for batch in self.batches(epoch)]

    def validation(self) -> list[bytes]:
        plan = plain_batches(np.arange(len(self.data.val)), 5)
        return [batch.pixels.tobytes() for batch in self.loader.batches(self.data.val, plan, 0, self._hear)]

    def _hear(self, images: object, index: int, done: Done) -> None:
        self.dones.append(done)
        if done.problem:
            self.problems[self.data.train.paths[index].name] = done.problem


def test_pixels_are_the_same_whatever_the_processes_and_the_cache(data: DataSet) -> None:
    with Bench(data, 0, "data.cache=off") as plain:
        want = plain.epoch(1), plain.epoch(2), plain.validation()
    assert want[0] != want[1]
    for workers, cache in ((1, "off"), (3, "memory"), (0, "memory"), (2, "disk"), (0, "disk"), (2, "auto")):
        with Bench(data, workers, f"data.cache={cache}") as bench:
            for _ in range(2):  # the second time from the cache
                assert (bench.epoch(1), bench.epoch(2), bench.validation()) == want, (workers, cache)


def test_processes_take_another_size_and_the_first_again(data: DataSet) -> None:
    """As the outlier stage has them do, before the training and at another size."""
    with Bench(data, 2) as bench, Bench(data, 0) as alone:
        before = next(bench.loader.batches(data.val, [np.arange(4)], 0, bench._hear)).pixels.copy()
        larger = made_recipe(data.train.paths[0].parents[2], "data.val_size=96")
        large = Loader(larger, GROUND, [], bench.pool).batches(data.val, [np.arange(4)], 0, bench._hear)
        assert next(large).pixels.shape == (4, 96, 96, 3)
        again = Loader(bench.recipe, GROUND, bench.keeping.places, bench.pool)
        after = next(again.batches(data.val, [np.arange(4)], 0, bench._hear)).pixels.copy()
        expected = next(alone.loader.batches(data.val, [np.arange(4)], 0, alone._hear)).pixels
        assert (before == expected).all()
        assert (after == expected).all()


def test_a_killed_process_is_named_and_replaced(data: DataSet) -> None:
    with Bench(data, 0) as plain:
        want = plain.epoch()
    with Bench(data, 2) as bench:
        batches, got = bench.batches(), []
        for number, batch in enumerate(batches):
            got.append((batch.indices.tolist(), batch.pixels.tobytes()))
            if number == 1:
                killed = bench.pool.pids()
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
        assert got == want
        assert bench.epoch() == want
        assert {f"({pid}, ended by SIGKILL)" in " ".join(bench.deaths) for pid in killed} == {True}
        assert not set(killed) & set(bench.pool.pids())


def test_processes_that_die_at_once_end_the_run_with_a_word(data: DataSet, tmp_path: Path) -> None:
    with Bench(data, 1) as bench:
        stop = threading.Event()

        def slay() -> None:
            while not stop.is_set():
                for pid in bench.pool.pids():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.005)

        thread = threading.Thread(target=slay)
        thread.start()
        try:
            with pytest.raises(UserError, match=r"keep dying .*data\.workers=0"):
                for _ in itertools.chain.from_iterable(map(bench.epoch, range(1, 100))):
                    pass
        finally:
            stop.set()
            thread.join()


def test_no_process_outlives_its_engine(data: DataSet) -> None:
    with Bench(data, 3) as bench:
        bench.epoch()
        processes = [psutil.Process(pid) for pid in bench.pool.pids()]
    assert not psutil.wait_procs(processes, timeout=5)[1]


def test_a_batch_left_early_is_forgotten(data: DataSet) -> None:
    with Bench(data, 2) as bench:
        want = bench.epoch(7)
        for _ in range(30):
            batches = bench.batches()
            next(batches)
            batches.close()  # type: ignore[attr-defined]
        outer = bench.batches(7)
        got = [(batch.indices.tolist(), batch.pixels.tobytes(), bench.validation()) for batch in outer]
        assert [entry[:2] for entry in got] == want


def test_bad_images_are_left_out_with_their_reasons(data: DataSet) -> None:
    whole = data.train.paths[0].read_bytes()
    for path, content in zip(
        data.train.paths, (whole[: len(whole) * 6 // 10], b"no picture", b""), strict=False
    ):
        path.write_bytes(content)
    data.train.paths[3].unlink()
    bad = {path.name for path in data.train.paths[:4]}
    for workers in (0, 2):
        with Bench(data, workers) as bench:
            seen = [index for indices, _ in bench.epoch() for index in indices]
            assert sorted(seen) == list(range(4, len(data.train)))
            assert len(bench.problems) <= len(bad)
            assert any("truncated" in problem for problem in bench.problems.values())


def test_a_replaced_file_is_seen_anew(data: DataSet) -> None:
    for source, cache in ((-1, "memory"), (-2, "disk")):
        with Bench(data, 1, f"data.cache={cache}") as bench:
            before, stamps = bench.epoch(), {done.stamp for done in bench.dones}
            path = data.train.paths[0]
            path.write_bytes(data.train.paths[source].read_bytes())
            os.utime(path, ns=(1, time.time_ns()))
            bench.dones.clear()
            assert bench.epoch() != before
            assert len({done.stamp for done in bench.dones} - stamps) == 1


def test_a_disk_cache_serves_the_next_run_and_is_not_believed_when_torn(data: DataSet) -> None:
    with Bench(data, 1, "data.cache=disk") as bench:
        want = bench.epoch(), bench.validation()
        files = cache_files(cache_folder())
        assert len(files) == 2
        assert remove_unused(files, float("inf"))[0] == 0, "a run uses them"
    for image in data.train.paths:  # same size, same time: only the cache can know the pixels now
        status = image.stat()
        image.write_bytes(bytes(status.st_size))
        os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    with Bench(data, 2, "data.cache=disk") as bench:
        assert (bench.epoch(), bench.validation()) == want
    for file in files:
        with file.path.open("r+b") as torn:
            torn.seek(4096 + 100)
            torn.write(b"\xff" * 64)
    with Bench(data, 0, "data.cache=disk") as bench:
        bench.epoch()
        assert bench.problems, "the torn record was decoded anew, from a file that is no picture now"
        assert len(bench.problems) < len(data.train)
    assert remove_unused(cache_files(cache_folder()), float("inf"))[0] > 0
    assert not cache_files(cache_folder())


def test_a_small_budget_keeps_what_fits(data: DataSet) -> None:
    with Bench(data, 0, "data.cache=off") as plain:
        want = plain.epoch(), plain.epoch(2)
    with Bench(data, 2, "data.cache=memory", "data.cache_mb=1") as bench:
        places = {place.split: place.count for place in bench.keeping.places}
        assert (bench.epoch(), bench.epoch(2)) == want
    assert places["val"] == len(data.val)
    with Bench(data, 0, "data.cache=auto", "data.cache_mb=1", "data.train_size=256") as bench:
        assert bench.keeping.where.startswith("on disk")
