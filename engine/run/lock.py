"""The lock of a run: ``flock``, and a heartbeat for file systems on which ``flock`` doesn't work across hosts.

On some shared file systems (NFS without lockd, Lustre without ``flock``) every host can acquire the lock. So the lock
file also names its holder, which renews a timestamp every ten seconds and at the end leaves only the name of its host.
"""

import contextlib
import fcntl
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import open_regular, read_regular, sync_data
from engine.core.text import printable

FOLDER_GONE = "the run's folder was moved or removed"
"""Why an engine loses its lock if the folder is no longer there."""

_EVERY = 10.0
_STALE = 60.0
_CHECK_EVERY = 0.5
_LONGEST = 4096


class StaleLockError(UserError):
    """The holder is on another host and has sent no heartbeat for a minute; only a person can tell if it is gone."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a run. ``beat`` is its last heartbeat, seconds since the Unix epoch by its own clock."""

    host: str
    pid: int
    born: str = ""
    """When the process started, "" if unknown: process ids are reused."""
    beat: float = 0.0

    @classmethod
    def read(cls, fd: int) -> "Holder | None":
        """Return the holder named in the open file, None if there is none."""
        try:
            table = json.loads(os.pread(fd, _LONGEST, 0))
            born, beat = str(table.get("born", "")), float(table.get("beat", 0))
            return cls(str(table["host"]), int(table["pid"]), born, beat)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            return None

    @classmethod
    def of(cls, pid: int) -> "Holder":
        """Return process ``pid`` of this host as a holder, with the current time as heartbeat."""
        return cls(socket.gethostname(), pid, _born(pid), time.time())

    def is_same(self, other: "Holder | None") -> bool:
        """Return whether ``other`` is the same process."""
        return other is not None and (self.host, self.pid, self.born) == (other.host, other.pid, other.born)

    def is_here(self) -> bool:
        """Return whether the holder is on this host."""
        return self.host == socket.gethostname()

    def is_alive(self) -> bool:
        """Return whether the holder is alive: on this host by its process, elsewhere by a recent heartbeat."""
        if self.is_here():
            return bool(self.born) and self.born == _born(self.pid)
        return abs(time.time() - self.beat) < _STALE

    def __str__(self) -> str:
        return f"process {self.pid} on {printable(self.host, 80)}"


class RunLock:
    """A held lock. The system releases it when the last process that has ``fd`` open ends."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._adopted: Holder | None = None
        self._guard = threading.Lock()

    def adopt(self) -> None:
        """Take the lock for this process: child processes don't inherit it, and its file names this process."""
        os.set_inheritable(self.fd, False)
        self._adopted = Holder.of(os.getpid())
        self._name(self._adopted)

    def hand_over(self, pid: int) -> None:
        """Write the name of process ``pid``, which was started with ``fd`` open and will adopt the lock."""
        with contextlib.suppress(OSError):
            self._name(Holder.of(pid))

    def keep(self, path: Path, lost: Callable[[str], object]) -> None:
        """Renew the adopted lock, the file ``path``, on a thread of its own.

        If its folder is gone or the file names another holder, ``lost`` is called on that thread with the reason, and
        the process exits at once: anything it still wrote would go to a folder that it no longer owns.
        """
        arguments = (path, path.parent.stat(), lost)
        threading.Thread(target=self._keep, args=arguments, name="lock", daemon=True).start()

    def forget(self) -> None:
        """Empty the file, so that it names no holder."""
        os.ftruncate(self.fd, 0)

    def release(self) -> None:
        """Release the lock. If this process adopted it, only the name of the host remains in the file."""
        with self._guard:
            adopted, self._adopted = self._adopted, None
            if adopted is not None and adopted.is_same(Holder.read(self.fd)):
                # If the disk fails, the file keeps naming this process, which ``is_alive`` finds dead.
                with contextlib.suppress(OSError):
                    self._write({"host": adopted.host})
        os.close(self.fd)

    def _name(self, holder: Holder) -> None:
        # Rounded to a constant length per holder, so that a reader never sees a mixture of two heartbeats.
        self._write(asdict(holder) | {"beat": round(holder.beat, 1)})

    def _write(self, table: dict[str, object]) -> None:
        content = json.dumps(table).encode()
        os.pwrite(self.fd, content, 0)
        os.ftruncate(self.fd, len(content))

    def _keep(self, path: Path, folder: os.stat_result, lost: Callable[[str], object]) -> None:
        renewed = time.monotonic()
        while True:
            with self._guard:
                if self._adopted is None:
                    return
                if reason := _loss(path, folder, self._adopted):
                    print(f"engine: {reason}", file=sys.stderr, flush=True)
                    with contextlib.suppress(OSError):
                        lost(reason)
                    os._exit(1)
                if time.monotonic() - renewed >= _EVERY:
                    renewed = time.monotonic()
                    with contextlib.suppress(OSError):  # the training handles a full disk
                        # With the host name as adopted: a host renamed since would look like another holder.
                        self._name(replace(self._adopted, beat=time.time()))
                        sync_data(self.fd)  # makes it visible to other hosts
            time.sleep(_CHECK_EVERY)


def _loss(path: Path, folder: os.stat_result, mine: Holder) -> str:
    """Return why the lock file ``path`` in ``folder`` no longer belongs to ``mine``; "" while it does."""
    try:
        if not os.path.samestat(path.parent.stat(), folder):
            return f"{FOLDER_GONE}, and another is in its place"
    except FileNotFoundError:
        return FOLDER_GONE
    except OSError:  # a file system that is temporarily unavailable
        return ""
    try:
        with open_regular(path) as file:
            other = Holder.read(file.fileno())
    except OSError:
        return ""
    return "" if other is None or mine.is_same(other) else f"the run was taken by {other}"


def refusal(fd: int, name: str) -> UserError | None:
    """Return why a run can't be taken although its ``flock`` was granted; None if it can."""
    holder = Holder.read(fd)
    if holder is None or holder.is_same(Holder.of(os.getpid())):
        return None
    if holder.is_alive():
        return UserError(f"run {name} is already running ({holder}); vrdl-tui attach opens it")
    if holder.is_here():
        return None
    minutes = max(0, time.time() - holder.beat) / 60
    return StaleLockError(
        f"run {name} is locked by {holder}, without a heartbeat for {minutes:,.0f} min; "
        f"if that process is certainly gone: vrdl-tui resume {name} --force-lock"
    )


def is_beating(path: Path, seconds: float = 1.2 * _EVERY) -> bool:
    """Watch a lock file for ``seconds`` and return whether it changes; its timestamp may be by another clock."""
    deadline, first = time.monotonic() + seconds, read_regular(path, _LONGEST)
    while time.monotonic() < deadline:
        time.sleep(_CHECK_EVERY)
        if read_regular(path, _LONGEST) != first:
            return True
    return False


def try_flock(fd: int, how: int) -> bool:
    """Try to lock without waiting; return False if another process holds the lock.

    File systems without locks grant it.
    """
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _born(pid: int) -> str:
    """Return when a live process started: the boot's id and clock ticks since then; "" if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in "ZX" else f"{boot} {rest[18]}"
