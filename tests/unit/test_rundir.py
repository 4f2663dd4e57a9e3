"""The run directory: made whole or not at all, one engine at a time, alive exactly while its engine is."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.recipe.recipe import Recipe
from engine.run.directory import RunDir, check_name, find_run, find_runs

TOML = Recipe().to_toml()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "some" / "runs"


def make(runs: Path, name: str | None = "a") -> RunDir:
    return RunDir.create(runs, name, "resnet18", TOML)


def test_created_whole(runs: Path) -> None:
    run = make(runs)
    assert run.path == runs / "a"
    assert run.recipe.read_text() == TOML
    assert run.commands.is_dir()
    assert run.checkpoints.is_dir()
    assert [path.name for path in runs.iterdir()] == ["a"]


def test_what_is_no_run_or_leads_nowhere_is_passed_over(runs: Path) -> None:
    run = make(runs)
    (runs / "circle").symlink_to("circle")
    (runs / "file").touch()
    (runs / "folder").mkdir()
    assert [found.run for found in find_runs(runs)] == [run]
    assert find_runs(runs / "absent") == find_runs(runs / "file") == []
    assert find_runs(runs / "circle") == []


def test_a_folder_named_as_a_home_can_hold_runs(runs: Path) -> None:
    run = make(runs / "~old")
    assert find_run(runs, "~old/a") == run
    with pytest.raises(UserError, match="there is no user old"):
        find_run(runs, "~old/b")


def test_a_name_of_its_own_is_time_and_model_and_never_taken(runs: Path) -> None:
    made = [RunDir.create(runs, None, "hf-hub:timm/some model", TOML).name for _ in range(3)]
    assert len(set(made)) == 3
    assert all(name[8] == "-" and "some-model" in name for name in made)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../a",
        "a/b",
        "/a",
        "~",
        "-a",
        ".a",
        "a b",
        "a\n",
        "ä",
        "a" * 101,
        "a\x00",
        "a\\b",
        "$(x)",
    ],
)
def test_names_that_could_escape(runs: Path, name: str) -> None:
    with pytest.raises(UserError, match="run name"):
        make(runs, name)
    assert not runs.exists()


def test_good_names() -> None:
    for name in ("a", "1", "run-2.final_v+3=x@y", "a" * 100):
        assert check_name(name) == name


def test_a_taken_name_is_refused(runs: Path) -> None:
    make(runs)
    for taken in ("a", "file", "dangling"):
        (runs / "file").touch()
        if not (runs / "dangling").is_symlink():
            (runs / "dangling").symlink_to(runs / "nowhere")
        with pytest.raises(UserError, match="exists already"):
            make(runs, taken)
    assert sorted(path.name for path in runs.iterdir()) == ["a", "dangling", "file"]


def test_two_at_once_cannot_both_have_a_name(runs: Path) -> None:
    made: list[RunDir] = []
    refused: list[UserError] = []

    def work() -> None:
        try:
            made.append(make(runs))
        except UserError as error:
            refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 7)
    assert [path.name for path in runs.iterdir()] == ["a"]


def test_nothing_is_left_of_a_failed_creation(runs: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        RunDir.create(runs, "a", "m", "\ud800")
    assert not runs.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        make(tmp_path / "runs")


HOLD = "import sys, time; from engine.run.directory import *; lock = RunDir(Path(sys.argv[1])).lock(); lock.adopt(); print('held', flush=True); time.sleep(60)"  # noqa: E501


def hold(run: RunDir) -> subprocess.Popen[bytes]:
    """Let another process take the run's lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_the_lock_excludes_another_process_until_it_is_killed(runs: Path) -> None:
    run = make(runs)
    assert not run.is_alive()
    with hold(run) as process:
        assert run.is_alive()
        with pytest.raises(UserError, match=rf"run a is already running \(process {process.pid} on .+\)"):
            run.lock()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not run.is_alive()
    run.lock().release()


def test_waiting_for_the_lock(runs: Path) -> None:
    run = make(runs)
    with hold(run) as process:
        threading.Timer(0.2, process.kill).start()
        begun = time.monotonic()
        run.lock(wait=60).release()
        assert time.monotonic() - begun < 30


def test_looking_does_not_disturb(runs: Path) -> None:
    """Many ask at any moment whether the run is alive; a start must come through all the same."""
    run = make(runs)
    run.lock().release()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            run.is_alive()
            time.sleep(0.001)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            run.lock(wait=1).release()
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_damaged_lock_file_still_locks(runs: Path) -> None:
    run = make(runs)
    lock = run.lock()
    (run.path / "lock").write_bytes(b"\xff{")
    with pytest.raises(UserError, match="already running;"):
        run.lock()
    lock.release()


def test_runs_are_listed_newest_first(runs: Path) -> None:
    for age, name in enumerate(("old", "new", "middle")):
        os.utime(make(runs, name).recipe, (0, (10, 30, 20)[age]))
    (runs / "no-run").mkdir()
    (runs / ".new-1").mkdir()
    (runs / "file").touch()
    assert [found.name for found in find_runs(runs)] == ["new", "middle", "old"]
    assert find_runs(runs / "absent") == []
    assert find_runs(runs / "file") == []


def test_finding_a_run(runs: Path) -> None:
    with pytest.raises(UserError, match="no runs in"):
        find_run(runs, None)
    run = make(runs)
    assert find_run(runs, None) == find_run(runs, "a") == find_run(Path("elsewhere"), str(run.path)) == run
    with pytest.raises(UserError, match="no run b in"):
        find_run(runs, "b")


def test_confusion_pictures(runs: Path) -> None:
    run = RunDir(runs)
    assert run.confusion_picture(18).name == "confusion_matrix18.png"
    assert run.confusion_picture().name == "confusion_matrix.png"
