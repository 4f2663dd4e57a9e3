"""A run's lock: ``flock``, and the holder's own word for where that lies.

On some shared file systems (NFS without lockd, Lustre without ``flock``) each host may take the lock. So the lock's
file names its holder, who renews it every ten seconds and at the end leaves only the host's name.
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

_EVERY = 10.0
_STALE = 60.0
_LOOK_EVERY = 0.5
_LONGEST = 4096


class StaleLockError(UserError):
    """A holder on another host gave no sign of life for a minute: whether it is gone only a person can say."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a run: ``beat`` is when it last said so, by its own clock."""

    host: str
    pid: int
    born: str = ""
    """When the process began, where the system tells: another may have its number later."""
    beat: float = 0.0

    @classmethod
    def read(cls, fd: int) -> "Holder | None":
        """Return who is named in the open file, None if nobody is."""
        try:
            table = json.loads(os.pread(fd, _LONGEST, 0))
            born, beat = str(table.get("born", "")), float(table.get("beat", 0))
            return cls(str(table["host"]), int(table["pid"]), born, beat)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            return None

    @classmethod
    def of(cls, pid: int) -> "Holder":
        """Return a process of this host, as of now."""
        return cls(socket.gethostname(), pid, _born(pid), time.time())

    def is_same(self, other: "Holder | None") -> bool:
        return other is not None and (self.host, self.pid, self.born) == (other.host, other.pid, other.born)

    def is_here(self) -> bool:
        return self.host == socket.gethostname()

    def is_alive(self) -> bool:
        """Say whether it lives: here its process, elsewhere its last sign of life."""
        if self.is_here():
            return bool(self.born) and self.born == _born(self.pid)
        return abs(time.time() - self.beat) < _STALE

    def __str__(self) -> str:
        return f"process {self.pid} on {printable(self.host, 80)}"


class RunLock:
    """A held lock; it is free once the last process that has ``fd`` open is gone."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._adopted: Holder | None = None
        self._guard = threading.Lock()

    def adopt(self) -> None:
        """Make the lock this process's own: no child inherits it, and its file names host and process."""
        os.set_inheritable(self.fd, False)
        self._adopted = Holder.of(os.getpid())
        self._name(self._adopted)

    def hand_over(self, pid: int) -> None:
        """Name a process that was started with ``fd`` open, and will adopt the lock."""
        with contextlib.suppress(OSError):
            self._name(Holder.of(pid))

    def keep(self, path: Path, lost: Callable[[str], object]) -> None:
        """Renew the adopted lock, the file ``path``, from now on.

        Once its folder is no longer there, or the file names another holder, ``lost`` hears why, on a thread, and the
        process ends at once: whatever it would write next, it would write into a folder that isn't its own.
        """
        arguments = (path, path.parent.stat(), lost)
        threading.Thread(target=self._keep, args=arguments, name="lock", daemon=True).start()

    def forget(self) -> None:
        """Empty the file: it names nobody any more."""
        os.ftruncate(self.fd, 0)

    def release(self) -> None:
        with self._guard:
            adopted, self._adopted = self._adopted, None
            if adopted is not None and adopted.is_same(Holder.read(self.fd)):
                # Where the run went on last: nobody has it any more. On a disk that fails a dead process is named.
                with contextlib.suppress(OSError):
                    self._write({"host": adopted.host})
        os.close(self.fd)

    def _name(self, holder: Holder) -> None:
        # Of one length for one holder, so that a reader never sees half of two.
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
                    with contextlib.suppress(OSError):  # a full disk is the training's own matter
                        # Asked anew, a host that has another name by now would be taken for a thief.
                        self._name(replace(self._adopted, beat=time.time()))
                        sync_data(self.fd)  # other hosts see it only then
            time.sleep(_LOOK_EVERY)


def _loss(path: Path, folder: os.stat_result, mine: Holder) -> str:
    """Return why the lock's file ``path``, in ``folder``, is no longer ``mine``; "" while it is."""
    try:
        if not os.path.samestat(path.parent.stat(), folder):
            return f"{FOLDER_GONE}, and another is in its place"
    except FileNotFoundError:
        return FOLDER_GONE
    except OSError:  # a file system that doesn't answer for a while
        return ""
    try:
        with open_regular(path) as file:
            other = Holder.read(file.fileno())
    except OSError:
        return ""
    return "" if other is None or mine.is_same(other) else f"the run was taken by {other}"


def refusal(fd: int, name: str) -> UserError | None:
    """Return why a run whose ``flock`` was granted can't be taken all the same, None if it can."""
    holder = Holder.read(fd)
    if holder is None or holder.is_same(Holder.of(os.getpid())):
        return None
    if holder.is_alive():
        return UserError(f"run {name} is already running ({holder}); vrdl-tui attach opens it")
    if holder.is_here():
        return None
    minutes = max(0, time.time() - holder.beat) / 60
    return StaleLockError(
        f"run {name} is locked by {holder}, which gave no sign of life for {minutes:,.0f} min; "
        f"if it is gone for sure: vrdl-tui resume {name} --force-lock"
    )


def is_beating(path: Path, seconds: float = 1.2 * _EVERY) -> bool:
    """Watch a lock's file for ``seconds`` and say whether its holder renews it: its clock may not be ours."""
    deadline, first = time.monotonic() + seconds, read_regular(path, _LONGEST)
    while time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
        if read_regular(path, _LONGEST) != first:
            return True
    return False


def try_flock(fd: int, how: int) -> bool:
    """Ask for the lock without waiting and say whether another has it; a file system without locks grants it."""
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _born(pid: int) -> str:
    """Return when a living process began, as ticks of one boot of this host; "" where nobody can tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in "ZX" else f"{boot} {rest[18]}"
