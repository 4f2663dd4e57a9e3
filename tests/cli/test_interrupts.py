"""Ctrl-C while the program starts: it ends at once with 130, and a run that was begun can be resumed."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from engine.run.directory import RunDir
from tests import warm
from tests.cli.calling import PROGRAM, default_signals, environment
from tests.made_data import TINY
from tests.waiting import until

PATIENCE = 25.0
"""Seconds; a run that can't be read is waited for for 30."""
INTERRUPT = """
import builtins, os, signal, sys

def interrupt():
    sys.meta_path.remove(Meeting)
    os.kill(os.getpid(), signal.SIGINT)

class Meeting:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            {act}

if sys.orig_argv[1:2] != ["-P"]:  # the engine is started so
    sys.meta_path.insert(0, Meeting)
"""
IN_A_STRING = "exec('interrupt()\\nfor _ in range(1000): pass', globals())"
"""As when a dataclass is made; an interrupt there leaves a mark in the interpreter."""

MOMENTS = {
    "first import": ("engine.core.errors", "interrupt()", False),
    "command line": ("cyclopts", "interrupt()", False),
    "recipe": ("engine.recipe.recipe", "interrupt()", False),
    "executing a string": ("engine.recipe.recipe", IN_A_STRING, False),
    "run made": ("tui.headless", "interrupt()", True),
    "about to start the engine": ("tui.progress", IN_A_STRING, True),
}


def train(pictures: Path) -> list[str]:
    settings = [word for setting in TINY for word in ("--set", setting)]
    return [str(PROGRAM), "train", str(pictures), "--headless", "--recipe", "quick", "--name", "r", *settings]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_start_is_interrupted(pictures: Path, tmp_path: Path, moment: str) -> None:
    module, act, made = MOMENTS[moment]
    (tmp_path / "path").mkdir()
    (tmp_path / "path/sitecustomize.py").write_text(INTERRUPT.format(module=module, act=act))
    done = subprocess.run(
        train(pictures), cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        env=environment(PYTHONPATH=f"{tmp_path / 'path'}:{warm.ROOT}"), check=False,
        preexec_fn=default_signals,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, "")
    run = RunDir(tmp_path / "runs/r")
    assert run.path.exists() == made
    assert not run.is_alive()
    last = done.stderr.splitlines()[-1] if made else done.stderr
    assert last == ("run r was cut off; go on with: vrdl-tui resume r" if made else "")


def started(pictures: Path, cwd: Path) -> tuple[subprocess.Popen[str], int]:
    """Start the program, not forked, and return it with its engine's process id as soon as there is one."""
    process = subprocess.Popen(
        train(pictures), cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=default_signals,
    )  # fmt: skip
    lock = RunDir(cwd / "runs/r").lock_file
    until(lambda: lock.exists() and lock.read_bytes().strip().endswith(b"}"))
    return process, int(json.loads(lock.read_bytes())["pid"])


def test_an_engine_that_starts_is_interrupted(pictures: Path, tmp_path: Path) -> None:
    process, engine = started(pictures, tmp_path)
    os.kill(engine, signal.SIGHUP)  # of a terminal that closes, which ends no engine
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert said.endswith("run r was stopped; go on with: vrdl-tui resume r\n")


def test_an_engine_that_ends_before_its_first_event_is_not_waited_for(pictures: Path, tmp_path: Path) -> None:
    """As when the system kills it: its run has no journal, but its disk is there."""
    process, engine = started(pictures, tmp_path)
    os.kill(engine, signal.SIGKILL)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    last = said.splitlines()[-1]
    assert last.startswith("run r ended by SIGKILL")
    assert last.endswith(", as the system does when memory runs out; see runs/r/engine.log")
