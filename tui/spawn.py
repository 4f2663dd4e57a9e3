"""Start an engine that outlives whoever starts it."""

import os
import subprocess
import sys

from engine.rundir import RunDir

# Who asks whether a run is alive holds its lock for an instant.
_PATIENCE = 0.2


def start_engine(run: RunDir) -> int:
    """Start ``python -m engine`` on a run in an OS session of its own and return its process id.

    The lock is taken here and handed over open, so that the run counts as running from this moment on
    and a second start fails at once. Raises UserError when an engine has the run already.
    """
    lock = run.lock(wait=_PATIENCE)
    try:
        with run.engine_log.open("ab") as log:
            process = subprocess.Popen(
                # -P: a folder of the user's that holds an engine.py must not shadow ours
                [sys.executable, "-P", "-m", "engine", str(run.path), "--lock-fd", str(lock.fd)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock.fd,),
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
    finally:
        lock.release()
    # Nobody waits for it: the lock, not the process table, says whether it lives.
    process.returncode = 0
    return process.pid
