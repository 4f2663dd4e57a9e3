"""Start what outlives whoever starts it: an engine on a run, an ablation that trains its runs one by one."""

import os
import subprocess
import sys
from pathlib import Path

from engine.core.files import open_own
from engine.core.stop_signals import held_back
from engine.run.directory import RunDir
from engine.run.lock import RunLock

# Who asks whether a run is alive holds its lock for an instant.
_PATIENCE = 0.2


def start_engine(run: RunDir) -> int:
    """Start ``python -m engine`` on a run in an OS session of its own and return its process id.

    The lock is taken here and handed over open, so that the run counts as running from this moment on
    and a second start fails at once. Raises UserError when an engine has the run already, or a
    file of it is a link.
    """
    return _start("engine", run.path, run.lock(wait=_PATIENCE), run.engine_log)


def start_ablation(folder: Path, lock: RunLock) -> int:
    """Start the ablation that was begun in ``folder``, as an engine is started, and return its process id.

    ``lock`` is ``engine.analysis.ablation.begin``'s, and released. Raises OSError where the folder can't be written.
    """
    return _start("tui.cli.ablate_main", folder, lock, ablation_log(folder))


def ablation_log(folder: Path) -> Path:
    """Return where an ablation that was started in the background says how it goes."""
    return folder / "ablation.log"


def _start(module: str, folder: Path, lock: RunLock, log: Path) -> int:
    try:
        with os.fdopen(open_own(log, os.O_WRONLY | os.O_APPEND), "ab") as file, held_back():
            process = subprocess.Popen(
                # -P: a folder of the user's that holds an engine.py must not shadow ours
                [sys.executable, "-P", "-m", module, str(folder), "--lock-fd", str(lock.fd)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock.fd,),
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            lock.hand_over(process.pid)
    finally:
        lock.release()
    # Nobody waits for it: the lock, not the process table, says whether it lives.
    process.returncode = 0
    return process.pid
