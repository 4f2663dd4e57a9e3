"""Engines killed in the outlier stage, again and again: the end is that of a run that nobody touched."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.journal.events import OutlierExcluded, OutliersDone, ThresholdSet
from engine.run.directory import RunDir
from tests import warm
from tests.engine.conducting import Watcher
from tests.made_data import make_pictures, make_run

pytestmark = pytest.mark.timeout(240)

STAGE = (
    "outliers.method=autoencoder", "outliers.epochs=4", "outliers.size=32", "outliers.percentile=60",
    "outliers.relax=0", "outliers.action=quarantine", "train.epochs=1", "data.workers=1",
)  # fmt: skip


@contextmanager
def engine(run: RunDir) -> Iterator[warm.Process]:
    with run.engine_log.open("ab") as log:
        process = warm.start(
            [sys.executable, "-P", "-m", "engine", run.path], stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def killed_when(run: RunDir, reached: Callable[[Watcher], object]) -> None:
    """Run an engine and kill it the moment that ``reached``."""
    watcher = Watcher(run)
    with engine(run) as process:
        deadline = time.monotonic() + 60
        while not reached(watcher):
            assert process.poll() is None, run.engine_log.read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.0005)
            watcher.look()
        process.send_signal(signal.SIGKILL)


def finished(run: RunDir) -> Watcher:
    with engine(run) as process:
        assert process.wait(120) == 0, run.engine_log.read_text()[-2000:]
    watcher = Watcher(run)
    watcher.look()
    return watcher


def left_out(watcher: Watcher) -> list[tuple[str, str, float]]:
    events = [event for event in watcher.events if isinstance(event, OutlierExcluded)]
    return [(event.class_name, Path(event.path).name, event.error) for event in events]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.png")}


def test_killed_at_many_points(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "whole", train=30, test=0)
    whole = finished(make_run(tmp_path / "whole", data, *STAGE))

    data = make_pictures(tmp_path / "cut", train=30, test=0)
    before = contents(data / "train")
    run = make_run(tmp_path / "cut", data, *STAGE)
    quarantine = data / "train-quarantine" / "run"

    def judged(count: int) -> Callable[[Watcher], object]:
        return lambda watcher: sum(isinstance(e, ThresholdSet) for e in watcher.events) >= count

    def moved(count: int) -> Callable[[Watcher], object]:
        return lambda _: quarantine.is_dir() and sum(1 for _ in quarantine.rglob("*.png")) >= count

    def told(count: int) -> Callable[[Watcher], object]:
        return lambda watcher: sum(isinstance(e, OutlierExcluded) for e in watcher.events) >= count

    for point in (judged(1), moved(1), told(1), moved(15), judged(3), told(30)):
        killed_when(run, point)
        kept, gone = contents(data / "train"), contents(quarantine)
        assert kept | gone == before, "a file is lost"
    end = finished(run)
    assert left_out(end) == left_out(whole), "told once each, in the same order, with the same errors"
    kept, gone = contents(data / "train"), contents(quarantine)
    assert not kept.keys() & gone.keys(), "a file is in one place"
    assert kept | gone == before
    assert set(gone) == {name for _, name, _ in left_out(end)}
    assert sum(isinstance(event, OutliersDone) for event in end.events) == 1
    assert end.state.epochs[-1].val_loss == whole.state.epochs[-1].val_loss
