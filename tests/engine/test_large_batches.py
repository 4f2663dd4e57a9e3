"""Batches of more images than fit into the sockets to the image processes."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from engine.data.images import DataSet, scan
from engine.data.loading import pool as pool_module
from engine.data.loading.loader import Loader
from engine.data.loading.messages import Done, Task
from engine.data.loading.pool import Pool
from engine.data.order import Indices
from engine.recipe.recipe import Recipe, load_recipe
from tests.made_data import make_pictures
from tests.waiting import until

BATCH = 1024
GROUND = (124, 116, 104)
Epoch = list[tuple[list[int], bytes]]
pytestmark = pytest.mark.timeout(100)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = make_pictures(tmp_path_factory.mktemp("pictures"), train=12, val=1, test=0, size=16)
    return load_recipe(
        None,
        (
            f"data.train={folder}/train", f"data.val={folder}/val", "data.test=", "data.train_size=32",
            "data.val_size=32", f"data.batch_size={BATCH}", "data.cache=off", "augment.enabled=false",
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return scan(recipe.data, 0, tmp_path_factory.mktemp("record") / "split.csv")


class Bench:
    """A loader on ``workers`` processes, and what it told."""

    def __init__(self, recipe: Recipe, data: DataSet, workers: int) -> None:
        self.data = data
        self.pool = Pool(workers)
        self.deaths: list[str] = []
        self.pool.told = self.deaths.append
        self.loader = Loader(recipe, GROUND, [], self.pool)
        self.heard: list[int] = []

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.close()

    def epoch(self, kill_in: int = -1, by: signal.Signals = signal.SIGKILL) -> Epoch:
        """Return each batch's indices and pixels; batch ``kill_in`` sends all the processes a signal."""
        got: Epoch = []
        for batch in self.loader.batches(self.data.train, self.plan(), 1, self._hear):
            got.append((batch.indices.tolist(), batch.pixels.tobytes()))
            if len(got) == kill_in:
                for pid in self.pool.pids():
                    os.kill(pid, by)
        return got

    def plan(self) -> list[Indices]:
        """More batches than are ahead, each of other images, with a short one last."""
        order = np.arange(3 * BATCH + 100) * 7 % len(self.data.train)
        return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]

    def tasks(self, count: int) -> list[Task]:
        """Return the tasks of one batch, each for a file that isn't there: answered without any pixels."""
        return [Task(1, 0, place, "train", 1, place, b"/nowhere/%d" % place) for place in range(count)]

    def _hear(self, images: object, index: int, done: Done) -> None:
        assert not done.problem
        self.heard.append(index)


@pytest.fixture(scope="module")
def alone(recipe: Recipe, data: DataSet) -> Epoch:
    with Bench(recipe, data, 0) as bench:
        return bench.epoch()


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_of_1024_images(recipe: Recipe, data: DataSet, alone: Epoch, workers: int) -> None:
    with Bench(recipe, data, workers) as bench:
        assert bench.epoch() == alone
        assert bench.heard == np.concatenate(bench.plan()).tolist()
        assert not bench.deaths


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_killed_with_a_thousand_images_before_them(
    recipe: Recipe, data: DataSet, alone: Epoch, workers: int
) -> None:
    with Bench(recipe, data, workers) as bench:
        killed = bench.pool.pids()
        assert bench.epoch(kill_in=1) == alone
        assert len(bench.deaths) == workers
        assert not set(killed) & set(bench.pool.pids())


def test_stopped_processes_with_a_thousand_images_before_them(
    recipe: Recipe, data: DataSet, alone: Epoch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bench(recipe, data, 2) as bench:
        assert bench.epoch() == alone
        monkeypatch.setattr(pool_module, "_PATIENCE", 1.0)
        stopped = bench.pool.pids()

        def let_go() -> None:
            until(lambda: bench.deaths)
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

        thread = threading.Thread(target=let_go)
        thread.start()
        assert bench.epoch(kill_in=1, by=signal.SIGSTOP) == alone
        thread.join()
        assert bench.pool.pids() == stopped
        assert [
            words.partition(",")[0].partition(" has")[0].partition(" after")[0] for words in bench.deaths
        ] == [
            "reading images",
            "images are read again",
        ]


def test_the_engine_waits_for_no_process_to_have_room(recipe: Recipe, data: DataSet) -> None:
    """A process that hangs in a file of a dead network drive reads no further tasks, for as long as it does."""
    with Bench(recipe, data, 1) as bench:
        (pid,) = bench.pool.pids()
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        tasks = bench.tasks(20_000)
        for start in range(0, len(tasks), BATCH):
            bench.pool.put(tasks[start : start + BATCH])
        assert time.monotonic() - began < 60
        os.kill(pid, signal.SIGCONT)
        answered: list[Done] = []
        while len(answered) < len(tasks):
            answered += bench.pool.take()
        assert [done.place for done in answered] == list(range(len(tasks)))
        assert all("can't be read" in done.problem for done in answered)


def test_the_pool_is_closed_with_images_before_it(
    recipe: Recipe, data: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_GRACE", 80.0)
    bench = Bench(recipe, data, 2)
    bench.pool.put(bench.tasks(50_000))
    while not bench.pool.take():
        pass
    began = time.monotonic()
    bench.pool.close()
    assert time.monotonic() - began < 60, "none had to be killed"


def test_a_large_batch_left_early_is_forgotten(recipe: Recipe, data: DataSet, alone: Epoch) -> None:
    with Bench(recipe, data, 2) as bench:
        for _ in range(2):
            batches = bench.loader.batches(data.train, bench.plan(), 2, bench._hear)
            next(batches)
            batches.close()  # type: ignore[attr-defined]
        assert bench.epoch() == alone
