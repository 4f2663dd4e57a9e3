"""A small disk that is really full: the system says so, at whatever call it comes to."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.journal.events import DiskFreed, DiskFull
from engine.run.directory import RunDir
from tests.engine.conducting import Watcher
from tests.engine.disks import SETTINGS
from tests.engine.hooked import Engines
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_pictures, make_run

LONGER = (*SETTINGS, "train.epochs=12")
MEGABYTE = 1 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 24 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounting.returncode:
        pytest.skip(f"no disk can be mounted here: {mounting.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill a disk but for ``leave`` bytes; return the file to remove again."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(MEGABYTE))
        file.truncate(max(0, os.fstat(file.fileno()).st_size - leave))
    return filler


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture(scope="module")
def whole(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    folder = tmp_path_factory.mktemp("whole")
    run = make_run(folder, make_pictures(folder / "data"), *LONGER)
    assert engines.run(run) == 0, run.engine_log.read_text()
    return run


@pytest.mark.parametrize("leave", [0, 20_000, 200_000])
def test_a_run_waits_for_room_and_goes_on(
    engines: Engines, whole: RunDir, small: Path, tmp_path: Path, leave: int
) -> None:
    run = make_run(small, make_pictures(tmp_path / "data"), *LONGER)
    engines.start(run)
    watcher = Watcher(run)
    watcher.until(lambda state: state.epochs)
    filler = fill(small, leave)
    watcher.until(lambda state: state.full or state.ended)
    assert watcher.state.full is not None
    assert not (run.path / ".reserve").exists()
    filler.unlink()
    assert engines.wait() == 0, run.engine_log.read_text()
    watcher.look()
    assert isinstance(
        [event for event in watcher.events if isinstance(event, DiskFull | DiskFreed)][-1], DiskFreed
    )
    assert_same_end(run, whole)
