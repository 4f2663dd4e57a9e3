"""`--headless` and what befalls it while the engine trains: a full disk under its output, a run that can't be read."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.control.commands import Stop, send
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tests import warm
from tests.cli.calling import PROGRAM, environment, start
from tests.made_data import TINY
from tests.waiting import until
from tui.headless import Patience

FULL = Path("/dev/full")
ENDLESS = ("train.epochs=99999", "schedule.patience=99999")
SETTINGS = tuple(word for setting in (*TINY, *ENDLESS) for word in ("--set", setting))

full_device = pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")


def trains(run: RunDir) -> bool:
    state = RunState()
    state.apply_all(JournalReader(run.journal).read())
    return bool(state.epochs)


def end(run: RunDir) -> None:
    """Have the run's engine end, and wait until it has."""
    send(run.commands, Stop())
    until(lambda: not run.is_alive())


@contextlib.contextmanager
def unreadable(*files: Path) -> Iterator[None]:
    """Nobody can open the files, root neither; who has them open writes on."""
    for file in files:
        file.rename(file.with_name(f"{file.name}.away"))
        file.symlink_to(file.name)
    yield
    for file in files:
        file.with_name(f"{file.name}.away").replace(file)


@full_device
@pytest.mark.parametrize("notes", ["seen", "full"])
def test_a_full_disk_under_the_log_is_no_bad_input(pictures: Path, tmp_path: Path, notes: str) -> None:
    with FULL.open("w") as full:
        done = warm.run(
            [PROGRAM, "train", pictures, "--recipe", "quick", "--name", "mine", "--headless", *SETTINGS],
            cwd=tmp_path, stdout=full, stderr=full if notes == "full" else subprocess.PIPE, text=True, timeout=120,
            env=environment(),
        )  # fmt: skip
    run = RunDir(tmp_path / "runs/mine")
    assert run.is_alive()
    end(run)
    assert done.returncode == 1
    if notes == "seen":
        last = done.stderr.splitlines()[-1]
        assert last.startswith(
            "the log can't be written any more: No space left on device; run mine goes on in epoch"
        )
        assert last.endswith("watch it: vrdl-tui attach mine")


@full_device
def test_a_full_disk_under_the_notes_changes_nothing(pictures: Path, tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = warm.run(
            [PROGRAM, "train", pictures, "--recipe", "quick", "--name", "mine", "--headless"]
            + [word for setting in TINY for word in ("--set", setting)],
            cwd=tmp_path, stderr=full, text=True, timeout=120, env=environment(),
        )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout == (tmp_path / "runs/mine/train.log").read_text()


def test_a_journal_that_is_away_for_a_moment_is_waited_for(pictures: Path, tmp_path: Path) -> None:
    run = RunDir(tmp_path / "runs/mine")
    with start("train", pictures, "--name", "mine", "--headless", *SETTINGS, cwd=tmp_path) as process:
        until(lambda: trains(run))
        with unreadable(run.journal, run.lock_file, run.train_log), pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        until(lambda: len(run.train_log.read_bytes().splitlines()) > 9)
        process.send_signal(signal.SIGINT)
        out, notes = process.communicate(timeout=60)
    assert process.returncode == 130, notes
    assert "run mine was stopped" in notes
    assert out == run.train_log.read_text()


def test_an_ablation_waits_for_a_journal_too(pictures: Path, tmp_path: Path) -> None:
    asked = ("--recipe", "quick", "--only", "mixup", "--seeds", "1")
    with start("ablate", pictures, *asked, *SETTINGS, cwd=tmp_path) as process:
        run = RunDir(tmp_path / "runs/ablation/baseline-seed0")
        until(lambda: trains(run))
        with unreadable(run.journal, run.lock_file), pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        _, notes = process.communicate(timeout=60)
    assert process.returncode == 130, notes
    assert not run.is_alive()


def test_a_disk_that_is_away_is_no_end_of_a_run(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "runs" / "r")
    run.path.mkdir(parents=True)
    run.journal.touch()
    patience, lock = Patience(), run.lock()
    try:
        away = run.path.rename(tmp_path / "away")
        assert patience.goes_on(run, alive=False, ended=False)
        assert patience.problem == "No such file or directory"
        away.rename(run.path)
        assert patience.goes_on(run, alive=False, ended=False)  # it is seen again, and alive
        assert not patience.problem
    finally:
        lock.release()
    assert not patience.goes_on(run, alive=False, ended=False)
    assert not patience.problem
