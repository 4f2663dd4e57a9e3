"""Images that don't come: a stall is waited for, a decoder that computes for ever is not, and orders are obeyed."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.control.commands import Checkpoint, Pause, Resume, Stop
from engine.data.images import DataSet, scan
from engine.data.loading import pool
from engine.data.order import train_batches
from engine.journal.events import BadImage, CommandAccepted, RunEnded, RunWarning, StageStarted
from engine.run.directory import RunDir
from engine.training import trainer
from tests.engine.conducting import Played, Watcher, play
from tests.engine.test_loader import Bench, made_recipe
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_pictures, make_run
from tests.waiting import until

SETTINGS = (
    "train.epochs=2",
    "data.batch_size=9",
    "data.cache=off",
    "mixup.alpha=0.5",
    "optim.grad_accum_steps=2",
)
SLOW, AGAIN = "reading images has been slow for", "images are read again"


@pytest.fixture(autouse=True)
def short_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pool, "_PATIENCE", 1.0)


@pytest.fixture
def stall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the file that, while it exists, has reads hang, in the image processes that a test starts."""
    flag = tmp_path / "stall"
    monkeypatch.setenv("ODD_STALL", str(flag))
    monkeypatch.setattr(pool, "_PROGRAM", "tests.engine.odd_worker")
    yield flag
    flag.unlink(missing_ok=True)


def scanned(folder: Path, tmp_path: Path) -> DataSet:
    return scan(made_recipe(folder).data, 0, tmp_path / "split.csv")


@pytest.mark.parametrize("how", ["stopped", "disk"])
def test_processes_that_all_stand_still_are_waited_for(
    pictures: Path, tmp_path: Path, stall: Path, how: str
) -> None:
    """Nine, as more deaths in a row than eight end a run; for three times as long as it takes to be told of."""
    data = scanned(pictures, tmp_path)
    with Bench(data, 0) as plain:
        want = plain.epoch(), plain.epoch(2)
    with Bench(data, 9, "data.cache=off") as bench:
        assert bench.epoch() == want[0]
        bench.deaths.clear()  # that they have taken a while to start
        pids = bench.pool.pids()

        def let_go() -> None:
            until(lambda: bench.deaths)
            time.sleep(2)
            stall.unlink(missing_ok=True)
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

        stall.touch()
        if how == "stopped":
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
        thread = threading.Thread(target=let_go)
        thread.start()
        assert bench.epoch(2) == want[1]
        thread.join()
        assert bench.pool.pids() == pids
    slow, again = bench.deaths
    assert slow.startswith(f"{SLOW} 1 s: no image process has answered ({pids[0]} ")
    assert ("stopped" in slow) == (how == "stopped")
    assert "and 5 more" in slow
    assert f"one of them is reading {pictures}/train/" in slow
    assert again.startswith(AGAIN)
    assert not bench.problems


def test_processes_that_stand_still_keep_no_run_from_ending(
    pictures: Path, tmp_path: Path, stall: Path
) -> None:
    with Bench(scanned(pictures, tmp_path), 9) as bench:
        stall.touch()
        with pytest.raises(TimeoutError):
            for _ in bench.loader.batches(bench.data.train, bench.plan(), 1, bench._hear, late):
                pass
        begun = time.monotonic()
    assert time.monotonic() - begun < 60


def late(quiet: float) -> None:
    if quiet >= 2:
        raise TimeoutError


@pytest.mark.parametrize("workers", [1, 2])
def test_an_image_that_is_decoded_for_ever_is_given_up(
    pictures: Path, tmp_path: Path, stall: Path, workers: int
) -> None:
    folder = shutil.copytree(pictures, tmp_path / "pictures")
    hostile = folder / "train" / "red" / "endless.png"
    (folder / "train" / "red" / "red3.png").rename(hostile)
    data = scanned(folder, tmp_path)
    with Bench(data, workers) as bench:
        seen = sorted(index for indices, _ in bench.epoch() for index in indices)
        assert seen == [index for index, path in enumerate(data.train.paths) if path != hostile]
    assert bench.problems == {"endless.png": "decoding takes more than 1 s of CPU time"}
    (ended,) = (message for message in bench.deaths if "image process (" in message)
    assert f"was killed and replaced after 1 s of CPU time on {hostile}" in ended


def test_nine_killed_at_once_end_no_run(pictures: Path, tmp_path: Path) -> None:
    data = scanned(pictures, tmp_path)
    with Bench(data, 0) as plain:
        want = plain.epoch()
    with Bench(data, 9) as bench:
        for pid in bench.pool.pids():
            os.kill(pid, signal.SIGKILL)
        assert bench.epoch() == want
    assert sum("ended by SIGKILL" in message for message in bench.deaths) == 9


def messages(played: Played | Watcher) -> list[str]:
    return [event.message for event in played.events if isinstance(event, RunWarning)]


def told(watcher: Watcher, words: str) -> None:
    watcher.until(lambda _: any(words in message for message in messages(watcher)))


def stalled_at(watcher: Watcher, step: int) -> None:
    """Wait until the run stands before a step of its first epoch."""
    if step > 1:
        watcher.until(lambda state: state.step)  # the first of an epoch is always told
    if step > 2:
        while not watcher.ask(Checkpoint()).detail.endswith(f"step {step - 1}"):  # type: ignore[union-attr]
            time.sleep(0.1)
    told(watcher, SLOW)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunDir]:
    folder = tmp_path_factory.mktemp("unbroken")
    pictures = make_pictures(folder / "pictures")
    run = make_run(folder, pictures, *SETTINGS)
    assert play(run).code == 0
    return pictures, run


def names(pictures: Path, step: int) -> str:
    """Return the names of the images of a step of the first epoch, one a line."""
    paths = sorted((pictures / "train").rglob("*.png"))
    return "\n".join(paths[index].name for index in train_batches(len(paths), 9, seed=0, epoch=1)[step - 1])


@pytest.mark.parametrize("step", [1, 3])
def test_a_run_is_paused_and_saved_in_a_stall(
    unbroken: tuple[Path, RunDir], runs: Path, stall: Path, step: int
) -> None:
    """Where a step of the optimiser ends: of ``optim.grad_accum_steps=2`` batches after none and after two."""
    pictures, whole = unbroken
    run = make_run(runs, pictures, *SETTINGS)
    stall.write_text(names(pictures, step))

    def steer(watcher: Watcher) -> None:
        stalled_at(watcher, step)
        for command in (Pause(), Checkpoint(), Resume()):
            answer = watcher.ask(command)
            assert isinstance(answer, CommandAccepted), answer
            assert (answer.detail.endswith(f"at epoch 1, step {step - 1}")) != isinstance(command, Resume)
        stall.unlink()

    played = play(run, steer)
    assert played.code == 0
    assert any(message.startswith(AGAIN) for message in messages(played))
    assert not [event for event in played.events if isinstance(event, BadImage)]
    assert_same_end(run, whole)


@pytest.mark.parametrize("order", ["stop", "SIGTERM"])
@pytest.mark.parametrize("step", [2, 3])
def test_a_run_is_stopped_in_a_stall_and_resumes_exactly(
    unbroken: tuple[Path, RunDir],
    runs: Path,
    stall: Path,
    order: str,
    step: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trainer, "_UNSAVED_AFTER", 1.0)
    pictures, whole = unbroken
    run = make_run(runs, pictures, *SETTINGS)
    stall.write_text(names(pictures, step))
    asked = 0.0

    def steer(watcher: Watcher) -> None:
        nonlocal asked
        stalled_at(watcher, step)
        asked = time.monotonic()
        if order == "stop":
            assert isinstance(watcher.ask(Stop()), CommandAccepted)
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    played = play(run, steer)
    assert time.monotonic() - asked < 20
    assert played.code == (0 if order == "stop" else 130)
    (ended,) = (event for event in played.events if isinstance(event, RunEnded))
    assert ended.outcome == ("stopped" if order == "stop" else "interrupted")
    assert ("no checkpoint was saved" in ended.reason) == (step == 2)
    stall.unlink()
    assert play(run).code == 0
    assert_same_end(run, whole)


@pytest.mark.parametrize("order", ["stop", "SIGTERM"])
def test_a_run_is_stopped_while_it_stalls_in_looking_for_outliers(
    pictures: Path, runs: Path, stall: Path, order: str
) -> None:
    run = make_run(
        runs, pictures, *SETTINGS, "outliers.method=autoencoder", "outliers.epochs=1", "outliers.size=16"
    )
    stall.touch()

    def steer(watcher: Watcher) -> None:
        told(watcher, SLOW)
        if order == "stop":
            assert isinstance(watcher.ask(Stop()), CommandAccepted)
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    played = play(run, steer)
    assert played.code == (0 if order == "stop" else 130)
    assert [event.stage for event in played.events if isinstance(event, StageStarted)][
        -1
    ] == "finding outliers"
