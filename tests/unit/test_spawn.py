"""Starting an engine: the run is taken from that moment on, and lives without its starter."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.run.directory import RunDir
from tui.spawn import start_engine


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A run that fails at once, before anything heavy is imported: its recipe is none."""
    return RunDir.create(tmp_path, "a", "resnet18", "nonsense = 1")


def wait_for_end(run: RunDir) -> None:
    deadline = time.monotonic() + 60
    while run.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_run_is_taken_at_once(run: RunDir) -> None:
    process = start_engine(run)
    os.kill(process, signal.SIGSTOP)  # or it may have failed by now
    assert run.is_alive()
    with pytest.raises(UserError, match="already running"):
        start_engine(run)
    assert os.getsid(process) == process
    os.kill(process, signal.SIGCONT)
    wait_for_end(run)


def test_an_engine_outlives_its_starter(run: RunDir) -> None:
    code = "import sys; from pathlib import Path; from engine.run.directory import RunDir; from tui.spawn import start_engine; start_engine(RunDir(Path(sys.argv[1])))"  # noqa: E501
    subprocess.run([sys.executable, "-c", code, str(run.path)], check=True)
    wait_for_end(run)
    assert b'"run_ended"' in run.journal.read_bytes()


def test_a_users_own_engine_py_does_not_shadow_ours(
    run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "engine.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    start_engine(run)
    wait_for_end(run)
    assert "shadowed" not in run.engine_log.read_text()
    assert run.journal.exists()
