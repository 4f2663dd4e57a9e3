"""What an engine does about a full disk: it says so, waits, attends to commands, and goes on by itself.

The word itself needs room, as do the answers to commands: a small file in the run's folder is given up for them.
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
_LOOK_EVERY = 0.05
_LEAST = 10**6
"""Bytes to wait for: with less, the next write would wait again."""
_RESERVE = 64 << 10


def is_broken(error: OSError) -> bool:
    """Say whether a disk failed or became read-only: what waiting doesn't mend."""
    return error.errno in _BROKEN


class DiskSpace:
    """Room on the disk for what one run writes. Safe to use from several threads.

    ``tell`` writes events into the journal and raises OSError. On the main thread ``while_waiting`` is called while the
    run waits, with what it waits for, and may raise to leave.
    """

    def __init__(self, folder: Path, tell: Callable[..., object]) -> None:
        self.while_waiting: Callable[[DiskFull], object] = lambda full: None
        self.tell = tell
        self._reserve = folder / ".reserve"
        self._lock = threading.Lock()
        self._waiting: dict[int, DiskFull] = {}
        """By thread."""
        self._told: DiskFull | None = None
        self._since = 0.0
        self._waited = False
        self.leaving = False
        """Whether nothing is waited for any more: what doesn't fit raises OSError."""

    @property
    def wanted(self) -> DiskFull | None:
        """What is waited for just now, on whichever thread."""
        return max(list(self._waiting.values()), key=lambda full: full.need, default=None)

    def keep_reserve(self) -> None:
        """Keep some room for the word that there is none; on a disk that is full already, none is kept."""
        try:
            # Random: some file systems keep zeros in no room at all.
            write_synced(self._reserve, os.urandom(_RESERVE))
        except OSError:
            self._give_up_reserve()

    def close(self) -> None:
        """Wait for nothing any more, and remove the reserve."""
        self.leaving = True
        self._give_up_reserve()

    def has_waited(self) -> bool:
        """Say whether the main thread has waited since the last call."""
        waited, self._waited = self._waited, False
        return waited

    def wait(self) -> None:
        """Return once no thread waits; for the main thread. Raises what ``while_waiting`` raises."""
        while (full := self.wanted) is not None:
            self._waited = True
            self.while_waiting(full)
            time.sleep(_LOOK_EVERY)

    def keep_trying(self, write: Callable[[], T], path: Path, need: int = 0) -> T:
        """Return what ``write`` returns, which writes ``path`` whole or not at all; on a full disk, wait and try again.

        ``need`` is about how many bytes it takes. Raises what ``while_waiting`` raises, and any other OSError of
        ``write``, with the name of ``path``.
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
            while not self._is_free():
                self._pause(full, path)
            return result
        finally:
            self._waiting.pop(threading.get_ident(), None)

    def _wait_for(self, full: DiskFull, write: Callable[[], T], path: Path) -> T:
        self._give_up_reserve()
        while True:
            self._say(full)
            self._pause(full, path)
            if shutil.disk_usage(path.parent).free < full.need:
                continue
            try:
                return write()
            except OSError as error:
                if error.errno not in _FULL:
                    raise named(error, path) from None

    def _say(self, full: DiskFull) -> None:
        with self._lock:
            if not self._waiting:
                self._since, self._told = time.monotonic(), None
            self._waiting[threading.get_ident()] = full
            if (wanted := self.wanted) != self._told:
                with contextlib.suppress(OSError):  # the next try says it
                    self.tell(wanted)
                    self._told = wanted

    def _is_free(self) -> bool:
        """Say that the run goes on, unless another thread still waits; return whether the journal has room for that."""
        with self._lock:
            if len(self._waiting) == 1 and self._told is not None:
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
            time.sleep(_LOOK_EVERY)

    def _give_up_reserve(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve.unlink(missing_ok=True)
