"""What ended an engine that has left no last event: a signal, as far as its log tells."""

import re
import signal

from engine.core.ended import how_ended
from engine.core.files import open_regular
from engine.journal.state import RunState
from engine.run.directory import RunDir

_FATAL = re.compile(rb"^Fatal Python error: ([^\n]*)", re.MULTILINE)
_SIGNALS = {
    b"Segmentation fault": signal.SIGSEGV,
    b"Aborted": signal.SIGABRT,
    b"Bus error": signal.SIGBUS,
    b"Floating-point exception": signal.SIGFPE,
    b"Illegal instruction": signal.SIGILL,
}
"""Signals by the words that faulthandler has for them."""
_TAIL = 1 << 17
_LATE = 5.0
"""Seconds by which the log may be older than the last event: file systems round, and clocks differ."""


def ended_by(run: RunDir, state: RunState, code: int = 0) -> str:
    """Return "ended by SIGSEGV in training, epoch 3" for an engine that crashed; "" if nothing is known of it.

    ``code`` is its return code, as of subprocess, where the caller has started it; its log tells of crashes only, not
    of SIGKILL.
    """
    stage = f" in {state.stage.stage}" if state.stage is not None else ""
    where = stage + (f", epoch {state.epoch.epoch}" if state.epoch is not None else "")
    if code < 0:
        why = ", as the system does when memory runs out" if code == -signal.SIGKILL else ""
        return f"{how_ended(code)}{where}{why}"
    try:
        with open_regular(run.engine_log, follow=False) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            found = _FATAL.findall(file.read(_TAIL))
        written = run.engine_log.stat().st_mtime
    except OSError:
        return ""
    # An earlier attempt's crash is older than what this one has recorded.
    if not found or written < state.updated_at - _LATE:
        return ""
    number = _SIGNALS.get(found[-1].strip())
    if number is None:
        return ""
    return f"{how_ended(-number)}{where}"
