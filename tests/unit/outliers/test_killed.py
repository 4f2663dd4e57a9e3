"""Killed at any moment, then asked again: every file is in one place, whole."""

import itertools
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest

from engine.outliers.files.manifest import Action, Manifest, Planned, Returned
from tests.unit.outliers.photos import CONTENT, Photos, contents

ONE = ("cat", "1.jpg")
MANY = {(f"class{number % 3}", f"{number}.jpg"): b"%d" % number * 100 for number in range(200)}


def child(work: Callable[[], object]) -> ForkProcess:
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def die_at(number: int) -> None:
    """Let this process be killed just before its ``number``-th call that opens, makes, moves or removes."""
    counted = itertools.count(1)

    def hook(event: str, _: tuple[object, ...]) -> None:
        if event.startswith(("os.", "open")) and next(counted) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def take(photos: Photos, action: Action = "quarantine") -> list[str]:
    return [taken.problem for taken in photos.quarantine(action).take(photos.outliers(CONTENT))]


def put_back(photos: Photos) -> list[str]:
    return photos.quarantine().restore(list(CONTENT))


def written_down(manifest: Path) -> set[tuple[str, str]]:
    return {(line.class_name, line.file) for line in Manifest(manifest).read() if isinstance(line, Planned)}


def nothing_is_lost(photos: Photos, content: dict[tuple[str, str], bytes] = CONTENT) -> None:
    written = written_down(photos.away / "manifest.jsonl")
    for key, data in content.items():
        assert key in written or photos.train.joinpath(*key).exists()
        places = [path for path in (photos.train.joinpath(*key), photos.away.joinpath(*key)) if path.exists()]
        assert places
        assert all(path.read_bytes() == data for path in places)
        assert places[0].samefile(places[-1])


def are_away(photos: Photos) -> None:
    assert not contents(photos.train)
    assert contents(photos.away).keys() == {"manifest.jsonl", *(f"{name}/{file}" for name, file in CONTENT)}
    nothing_is_lost(photos)


def are_back(photos: Photos) -> None:
    assert contents(photos.train) == {f"{name}/{file}": data for (name, file), data in CONTENT.items()}
    assert [path.name for path in photos.away.iterdir()] == ["manifest.jsonl"]


def survives_every_kill(
    folder: Path,
    prepare: Callable[[Photos], object],
    work: Callable[[Photos], list[str]],
    after_kill: Callable[[Photos], object],
    in_the_end: Callable[[Photos], object],
) -> int:
    for number in itertools.count(1):
        photos = Photos.make(folder / str(number))
        prepare(photos)

        def die(photos: Photos = photos, number: int = number) -> None:
            die_at(number)
            work(photos)

        process = child(die)
        process.join()
        after_kill(photos)
        assert work(photos) == [""] * len(CONTENT)
        in_the_end(photos)
        if process.exitcode == 0:
            return number
        assert process.exitcode == -signal.SIGKILL
    raise AssertionError


def test_a_move_is_finished_wherever_it_was_cut_off(memory: Path) -> None:
    assert survives_every_kill(memory, lambda photos: None, take, nothing_is_lost, are_away) > 30


def test_a_return_is_finished_wherever_it_was_cut_off(memory: Path) -> None:
    assert survives_every_kill(memory, take, put_back, nothing_is_lost, are_back) > 30


def test_nothing_is_deleted_that_is_not_written_down(memory: Path) -> None:
    def gone_are_written_down(photos: Photos) -> None:
        gone = {key for key in CONTENT if not photos.train.joinpath(*key).exists()}
        assert gone <= written_down(photos.run.deleted)

    def are_gone(photos: Photos) -> None:
        assert not contents(photos.train)

    def delete(photos: Photos) -> list[str]:
        return take(photos, "delete")

    assert survives_every_kill(memory, lambda photos: None, delete, gone_are_written_down, are_gone) > 15


def test_killed_at_random_times(memory: Path) -> None:
    chance = random.Random(5)
    photos = Photos.make(memory, MANY)
    outliers = photos.outliers(MANY)

    def there_and_back() -> None:
        while True:
            quarantine = photos.quarantine()
            for start in range(0, len(outliers), 20):
                quarantine.take(outliers[start : start + 20])
            for start in range(0, len(outliers), 50):
                quarantine.restore(list(MANY)[start : start + 50])

    for _ in range(40):
        process = child(there_and_back)
        time.sleep(chance.uniform(0.0, 0.08))
        process.kill()
        process.join()
        nothing_is_lost(photos, MANY)
    assert [taken.problem for taken in photos.quarantine().take(outliers)] == [""] * len(MANY)
    assert not contents(photos.train)
    assert photos.quarantine().restore(list(MANY)) == [""] * len(MANY)
    assert contents(photos.train) == {f"{name}/{file}": data for (name, file), data in MANY.items()}


@pytest.mark.parametrize("state", ["source only", "both names", "target only"])
@pytest.mark.parametrize("way", ["away", "back"])
def test_every_state_between(tmp_path: Path, state: str, way: str) -> None:
    photos = Photos.make(tmp_path)
    take(photos)
    here, there = photos.train.joinpath(*ONE), photos.away.joinpath(*ONE)
    if state != "target only":
        here.hardlink_to(there)
    if state == "source only":
        there.unlink()
    if way == "away":
        assert take(photos) == [""] * len(CONTENT)
        are_away(photos)
    else:
        assert put_back(photos) == [""] * len(CONTENT)
        are_back(photos)


def test_a_return_that_was_cut_off_and_is_not_wanted_any_more(tmp_path: Path) -> None:
    photos = Photos.make(tmp_path)
    take(photos)
    Manifest(photos.away / "manifest.jsonl").append([Returned(*ONE, "restored", 1e9)])
    assert take(photos) == [""] * len(CONTENT)
    are_away(photos)
    assert put_back(photos) == [""] * len(CONTENT)
    are_back(photos)


@pytest.mark.parametrize("way", ["away", "back"])
def test_changed_while_it_had_both_names(tmp_path: Path, way: str) -> None:
    photos = Photos.make(tmp_path)
    take(photos)
    here, there = photos.train.joinpath(*ONE), photos.away.joinpath(*ONE)
    here.hardlink_to(there)
    here.write_bytes(b"edited")
    if way == "away":
        assert take(photos) == ["it changed meanwhile", "", "", ""]
    else:
        assert photos.quarantine().restore([ONE]) == ["it changed meanwhile"]
    assert here.read_bytes() == b"edited"
    assert not there.exists()


@pytest.mark.parametrize("way", ["away", "back"])
def test_gone_from_both_places(tmp_path: Path, way: str) -> None:
    photos = Photos.make(tmp_path)
    take(photos)
    photos.away.joinpath(*ONE).unlink()
    if way == "away":
        assert take(photos) == ["it is gone", "", "", ""]
    else:
        assert photos.quarantine().restore([ONE]) == ["it is gone"]
