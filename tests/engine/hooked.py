"""Engines that begin with a hook of a test's: some Python, run before the engine's own first line.

``python -m tests.engine.hooked RUN_DIR HOOK`` is the engine with that hook.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from engine.run.directory import RunDir
from tests import warm

ENVIRONMENT = {
    **warm.ENVIRONMENT,
    "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(Path.home() / ".cache/matplotlib")),  # its fonts, found once
}  # fmt: skip

ON_EVENT = """
from engine.journal import log as journal

def on_event(wanted, act):
    "Call act once, on a thread of its own, as soon as an event is in the journal for which wanted says yes."
    import threading
    append_all, done = journal.JournalWriter.append_all, []

    def told(self, *events):
        stamped = append_all(self, *events)
        if not done and any(wanted(event) for event in events):
            done.append(True)
            threading.Thread(target=act, daemon=True).start()
        return stamped

    journal.JournalWriter.append_all = told
"""
"""For a hook that acts on what the engine has just told."""


class Engines:
    """One engine at a time, with a folder of their own for what is kept for later. Use as a context."""

    def __init__(self, cache: Path) -> None:
        self._environment = {**os.environ, **ENVIRONMENT, "XDG_CACHE_HOME": str(cache)}
        self._engine: warm.Process | None = None

    def __enter__(self) -> "Engines":
        return self

    def __exit__(self, *_: object) -> None:
        self._end_left()

    def start(self, run: RunDir, hook: str = "") -> int:
        """Start an engine and return its process id; ``wait`` for it before the next."""
        self._end_left()
        with run.engine_log.open("ab") as log:
            self._engine = warm.start(
                [sys.executable, "-P", "-m", "tests.engine.hooked", run.path, hook],
                env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        return self._engine.pid

    def wait(self) -> int:
        """Return the exit code of the engine that was started, once it has ended."""
        assert self._engine is not None
        code = self._engine.wait()
        self._engine = None
        return code

    def run(self, run: RunDir, hook: str = "") -> int:
        self.start(run, hook)
        return self.wait()

    def _end_left(self) -> None:
        """End the engine that a test which failed left behind."""
        if self._engine is not None:
            self._engine.send_signal(signal.SIGKILL)
            self.wait()


def main() -> int:
    """Run the hook, then the engine, and return its exit code."""
    _, run, hook = sys.argv
    if hook:
        warm.execute_children()
        exec(ON_EVENT + hook, {"RUN": run})
    from engine.__main__ import main as engine

    sys.argv = ["engine", run]
    return engine()


if __name__ == "__main__":
    sys.exit(main())
