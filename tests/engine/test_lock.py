"""The run's lock where ``flock`` lies: the holder's own word, its sign of life, and who may take what seems left."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.core.errors import UserError
from engine.journal.events import RunEnded, Step
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from engine.run.lock import FOLDER_GONE, Holder, StaleLockError, is_beating
from tests import warm
from tests.engine.conducting import Watcher
from tests.engine.hooked import ENVIRONMENT, Engines
from tests.made_data import make_run

LYING = """
import fcntl, socket
fcntl.flock = lambda fd, how: None
{more}
"""
ELSEWHERE = "socket.gethostname = lambda: 'elsewhere'"
RENAMED = """
import socket
from pathlib import Path
from engine.run import lock as runlock
name, born, renamed = socket.gethostname, runlock._born, Path(RUN) / "renamed"
socket.gethostname = lambda: "by-dhcp" if renamed.exists() else name()
runlock._born = lambda pid: "" if renamed.exists() else born(pid)
"""
QUICK = "from engine.run import lock as runlock; runlock._EVERY = 0.2"
ENDLESS = ("train.epochs=100000", "data.workers=0", "schedule.patience=100000")


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture
def lying(tmp_path: Path) -> dict[str, str]:
    """The environment of a program on a file system whose ``flock`` always says yes."""
    (tmp_path / "lies").mkdir()
    (tmp_path / "lies/sitecustomize.py").write_text(LYING.format(more=""))
    return {**os.environ, **ENVIRONMENT, "PYTHONPATH": f"{tmp_path}/lies:{ENVIRONMENT['PYTHONPATH']}"}


def resume(run: RunDir, environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return warm.run(
        [sys.executable, "-m", "tui", "resume", run.path, "--headless", *options],
        env=environment, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def name_holder(run: RunDir, **holder: object) -> None:
    run.lock_file.write_text(json.dumps({"host": "elsewhere", "pid": 7, "born": "b", **holder}))


def test_a_living_holder_on_another_host_is_refused(
    engines: Engines, pictures: Path, runs: Path, lying: dict[str, str]
) -> None:
    run = make_run(runs, pictures, *ENDLESS)
    engine = engines.start(run, LYING.format(more=f"{ELSEWHERE}\n{QUICK}"))
    Watcher(run).until(lambda state: state.epochs)
    try:
        assert run.is_alive()
        holder = Holder.read(os.open(run.lock_file, os.O_RDONLY))
        assert holder is not None
        assert (holder.host, holder.pid) == ("elsewhere", engine)
        assert is_beating(run.lock_file, 10)
        for options in ((), ("--force-lock",)):
            said = resume(run, lying, *options)
            assert said.returncode == 2
            assert f"is already running (process {engine} on elsewhere)" in said.stderr
    finally:
        os.kill(engine, signal.SIGTERM)
    assert engines.wait() == 130
    # A clean end leaves nobody to ask about, only where it was.
    assert json.loads(run.lock_file.read_bytes()) == {"host": "elsewhere"}
    assert not run.is_alive()
    run.lock().release()


def test_a_living_holder_on_this_host_is_refused(engines: Engines, pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, *ENDLESS)
    engine = engines.start(run, LYING.format(more=""))
    try:
        Watcher(run).until(lambda state: state.epochs)
        assert run.is_alive()  # here too the kernel grants the lock to anyone: the engine never took it
        with pytest.raises(UserError, match=f"already running .process {engine} on"):
            run.lock()
    finally:
        os.kill(engine, signal.SIGKILL)
    assert engines.wait() == -signal.SIGKILL
    assert run.lock_file.read_bytes()
    assert not run.is_alive()
    run.lock().release()  # its process is gone: taken without a word


def test_a_stale_lock_of_another_host_is_never_stolen(
    pictures: Path, runs: Path, lying: dict[str, str]
) -> None:
    run = make_run(runs, pictures, "data.workers=0", "train.epochs=1")
    name_holder(run, beat=time.time() - 300)
    with pytest.raises(StaleLockError, match="without a heartbeat for 5 min"):
        run.lock(wait=5)
    said = resume(run, lying)
    assert said.returncode == 2
    assert "process 7 on elsewhere" in said.stderr
    assert "--force-lock" in said.stderr
    assert not run.journal.exists()
    assert resume(run, lying, "--force-lock").returncode == 0


@pytest.mark.parametrize("gone", [{"pid": 2**22 + 1}, {"pid": os.getpid()}])
def test_a_number_that_another_process_has_by_now(pictures: Path, runs: Path, gone: dict[str, int]) -> None:
    run = make_run(runs, pictures)
    name_holder(run, host=socket.gethostname(), beat=time.time(), **gone)
    assert not run.is_alive()
    run.lock().release()
    run.lock_file.unlink()  # others look into all locks for engines that are left


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff", b'{"host": 1}', b"[" * 4096])
def test_a_damaged_lock_names_nobody(pictures: Path, runs: Path, text: bytes) -> None:
    run = make_run(runs, pictures)
    run.lock_file.write_bytes(text)
    run.lock().release()
    run.lock_file.unlink()


def test_a_host_that_gets_another_name_keeps_its_run(engines: Engines, pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, *ENDLESS)
    engine = engines.start(run, f"{RENAMED}\n{QUICK}")
    watcher = Watcher(run)
    watcher.until(lambda state: state.epochs)
    named = Holder.read(os.open(run.lock_file, os.O_RDONLY))
    (run.path / "renamed").touch()
    assert is_beating(run.lock_file, 10)
    time.sleep(1.5)  # it looks twice a second whether the lock is its own
    assert run.is_alive()
    assert named is not None
    assert named.is_same(Holder.read(os.open(run.lock_file, os.O_RDONLY)))
    os.kill(engine, signal.SIGTERM)
    assert engines.wait() == 130, run.engine_log.read_text()
    watcher.look()
    assert isinstance(watcher.events[-1], RunEnded)


def test_who_lost_the_lock_ends_without_a_word_in_the_journal(
    engines: Engines, pictures: Path, runs: Path
) -> None:
    run = make_run(runs, pictures, *ENDLESS)
    engines.start(run)
    Watcher(run).until(lambda state: state.epochs)
    name_holder(run, beat=time.time())
    assert engines.wait() == 1
    assert "the run was taken by process 7 on elsewhere" in run.engine_log.read_text()
    assert not any(isinstance(event, RunEnded) for event in JournalReader(run.journal).read())
    run.lock_file.unlink()


@pytest.mark.parametrize("how", ["moved", "removed"])
def test_the_run_s_folder_goes_away(engines: Engines, pictures: Path, runs: Path, how: str) -> None:
    run = make_run(runs, pictures, *ENDLESS)
    engine = engines.start(run)
    Watcher(run).until(lambda state: state.epochs)
    begun = time.monotonic()
    if how == "removed":
        told = [os.open(path, os.O_RDONLY) for path in (run.engine_log, run.journal)]
        shutil.rmtree(run.path, ignore_errors=True)
    else:
        run.path.rename(runs / "moved")
        told = [os.open(runs / "moved/engine.log", os.O_RDONLY)]
    assert engines.wait() == 1
    assert time.monotonic() - begun < 15
    assert not psutil.pid_exists(engine)
    assert any(FOLDER_GONE in os.pread(fd, 1 << 24, 0).decode() for fd in told)
    for fd in told:
        os.close(fd)
    if how == "moved":
        last = JournalReader(runs / "moved/events.jsonl").read()[-1]
        assert isinstance(last, RunEnded | Step)
    assert not run.path.exists()
