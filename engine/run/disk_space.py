"""Wait while the disk is full: report it, keep answering commands, and resume automatically.

The report and the answers need disk space themselves. A small reserve file in the run's folder is removed for them.
"""

import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine.core.files import named, write_synced
from engine.core.text import printable
from engine.journal.events import DiskFreed, DiskFull

T = TypeVar("T")

_FULL = (errno.ENOSPC, errno.EDQUOT)
_BROKEN = (errno.EIO, errno.EROFS)
_TRY_EVERY = 1.0
_CHECK_EVERY = 0.05
_LEAST = 10**6
"""Bytes to wait for; with less, the next write would have to wait again."""
_RESERVE = 64 << 10


def is_broken(error: OSError) -> bool:
    """Return whether a disk failed or became read-only, which waiting doesn't fix."""
    return error.errno in _BROKEN


class DiskSpace:
    """The disk space for the files that one run writes. Thread-safe.

    ``tell`` appends events to the journal and raises OSError. On the main thread, ``while_waiting`` is called again and
    again while the run waits, with the event that says what for, and may raise to leave.
    """

    def __init__(self, folder: Path, tell: Callable[..., object]) -> None:
        self.while_waiting: Callable[[DiskFull], object] = lambda full: None
        self.tell = tell
        self._reserve = folder / ".reserve"
        self._lock = threading.Lock()
        self._waiting: dict[int, DiskFull] = {}
        """By thread id."""
        self._reported: DiskFull | None = None
        self._since = 0.0
        self._waited = False
        self.leaving = False
        """Whether to stop waiting: a write that doesn't fit then raises OSError."""

    @property
    def wanted(self) -> DiskFull | None:
        """The largest request among the waiting threads; None if no thread waits."""
        return max(list(self._waiting.values()), key=lambda full: full.need, default=None)

    def keep_reserve(self) -> None:
        """Write the reserve file; on a disk that is already full, do without it."""
        try:
            # Random bytes, because some file systems store zeros without using space.
            write_synced(self._reserve, os.urandom(_RESERVE))
        except OSError:
            self._give_up_reserve()

    def close(self) -> None:
        """Stop waiting and remove the reserve file."""
        self.leaving = True
        self._give_up_reserve()

    def has_waited(self) -> bool:
        """Return whether the main thread has waited since the last call."""
        waited, self._waited = self._waited, False
        return waited

    def wait(self) -> None:
        """Block until no thread waits; for the main thread only. Raises what ``while_waiting`` raises."""
        while (full := self.wanted) is not None:
            self._waited = True
            self.while_waiting(full)
            time.sleep(_CHECK_EVERY)

    def keep_trying(self, write: Callable[[], T], path: Path, need: int = 0) -> T:
        """Call ``write``, which writes ``path`` atomically, until the disk has space for it; return its result.

        ``need`` is the approximate size of the file, bytes. Raises what ``while_waiting`` raises, and any other OSError
        of ``write``, naming ``path``.
        """
        try:
            return write()
        except OSError as error:
            if error.errno not in _FULL:
                raise named(error, path) from None
        if self.leaving:
            self._give_up_reserve()
            return write()
        full = DiskFull(need=max(need, _LEAST), folder=printable(str(path.parent)))
        try:
            result = self._wait_for(full, write, path)
            while not self._report_freed():
                self._pause(full, path)
            return result
        finally:
            self._waiting.pop(threading.get_ident(), None)

    def _wait_for(self, full: DiskFull, write: Callable[[], T], path: Path) -> T:
        self._give_up_reserve()
        while True:
            self._report_full(full)
            self._pause(full, path)
            if shutil.disk_usage(path.parent).free < full.need:
                continue
            try:
                return write()
            except OSError as error:
                if error.errno not in _FULL:
                    raise named(error, path) from None

    def _report_full(self, full: DiskFull) -> None:
        with self._lock:
            if not self._waiting:
                self._since, self._reported = time.monotonic(), None
            self._waiting[threading.get_ident()] = full
            if (wanted := self.wanted) != self._reported:
                with contextlib.suppress(OSError):  # the next attempt reports it
                    self.tell(wanted)
                    self._reported = wanted

    def _report_freed(self) -> bool:
        """Report that the run resumes, unless another thread waits; return False if the journal has no space for it."""
        with self._lock:
            if len(self._waiting) == 1 and self._reported is not None:
                self.keep_reserve()
                try:
                    self.tell(DiskFreed(waited=time.monotonic() - self._since))
                except OSError as error:
                    if error.errno in _FULL:
                        return False
                    raise
            del self._waiting[threading.get_ident()]
        return True

    def _pause(self, full: DiskFull, path: Path) -> None:
        until = time.monotonic() + _TRY_EVERY
        while time.monotonic() < until:
            if threading.current_thread() is threading.main_thread():
                self._waited = True
                self.while_waiting(self.wanted or full)
            if self.leaving:
                raise named(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), path)
            time.sleep(_CHECK_EVERY)

    def _give_up_reserve(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve.unlink(missing_ok=True)
