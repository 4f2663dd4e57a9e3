"""Engines with a hook: Python that runs in an engine's own process just before the engine does.

Importing torch takes longer than a small run. So one process imports it and forks each engine, which then is a
process of its own, with its own lock, threads, signals and end.
"""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec

from engine.rundir import RunDir
from tests.engine.forked import fork_engine

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1",
    "PYTHONPATH": str(ROOT),
    "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(Path.home() / ".cache/matplotlib")),  # its fonts, found once
}  # fmt: skip

ON_EVENT = """
from engine import journal

def on_event(wanted, act):
    "Call act once, on a thread of its own, as soon as an event is in the journal for which wanted says yes."
    import threading
    append_all, done = journal.JournalWriter.append_all, []

    def told(self, *events):
        stamped = append_all(self, *events)
        if not done and any(wanted(event) for event in events):
            done.append(True)
            threading.Thread(target=act).start()
        return stamped

    journal.JournalWriter.append_all = told
"""
"""For a hook that acts on what the engine has just told."""


class Job(msgspec.Struct, frozen=True):
    run: str
    hook: str


class Engines:
    """The process that has imported torch; one engine at a time. Use as a context."""

    def __init__(self, cache: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.engine.hooked"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, **ENVIRONMENT, "XDG_CACHE_HOME": str(cache)},
        )  # fmt: skip
        self._alive = 0

    def __enter__(self) -> "Engines":
        return self

    def __exit__(self, *_: object) -> None:
        self._end_left()
        self._process.communicate()

    def start(self, run: RunDir, hook: str = "") -> int:
        """Start an engine and return its process id; ``wait`` for it before the next."""
        assert self._process.stdin is not None
        self._end_left()
        self._process.stdin.write(msgspec.json.encode(Job(str(run.path), hook)) + b"\n")
        self._process.stdin.flush()
        self._alive = self._answer()
        return self._alive

    def wait(self) -> int:
        """Return the exit code of the engine that was started, once it has ended."""
        code = self._answer()
        self._alive = 0
        return code

    def run(self, run: RunDir, hook: str = "") -> int:
        self.start(run, hook)
        return self.wait()

    def _end_left(self) -> None:
        """End the engine that a test which failed left behind."""
        if self._alive:
            os.kill(self._alive, signal.SIGKILL)
            self.wait()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def _serve() -> None:
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job)
        child = fork_engine(job.run, partial(exec, ON_EVENT + job.hook, {"RUN": job.run}))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    import engine.figures
    import engine.outliers.detect
    import engine.outliers.stage
    import engine.training  # noqa: F401

    _serve()
