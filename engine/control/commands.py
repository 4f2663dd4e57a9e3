"""Commands to a running engine: typed requests in a spool folder, each a file that is renamed into place.

Only the user who trains and root may command a run: a file's owner and mode are checked before its content is read.
Every command is answered by an event in the journal.
"""

import contextlib
import errno
import getpass
import os
import pwd
import socket
import stat
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.text import printable
from engine.journal.events import CommandAccepted, CommandRejected

_LARGEST = 8 << 20
"""Maximum size of a command in bytes; holds more paths than a command line."""
# Bounded, because answers are written to the journal, and the sender once per image.
_Word = Annotated[str, msgspec.Meta(max_length=1000)]
_NamedPath = Annotated[str, msgspec.Meta(max_length=20_000)]


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="name", tag=str.lower):
    """A request to a running engine."""

    id: _Word = ""
    """Links the command to its answer in the journal."""
    by: _Word = ""
    """The sender as user@host; "" if unknown."""
    pid: int = 0
    """Process of the sender on that host; 0 if unknown."""
    t: float = 0.0
    """When it was sent, in seconds since the Unix epoch; 0 if unknown."""


class Pause(Command, frozen=True):
    """Pause between two steps."""


class Resume(Command, frozen=True):
    """Resume a paused run."""


class Checkpoint(Command, frozen=True):
    """Save a checkpoint."""


class Predict(Command, frozen=True):
    """Predict the recipe's test folder with the best weights so far."""


class Stop(Command, frozen=True):
    """Stop and save a checkpoint: now, or with ``after_epoch`` once the current epoch has been validated."""

    after_epoch: bool = False


class Set(Command, frozen=True):
    """Change the setting ``key`` of a running run; ``value`` is text, validated like the value of a recipe key."""

    key: _Word
    value: _Word


class Rollback(Command, frozen=True):
    """Return to the best weights so far and continue from them."""


class Skip(Command, frozen=True):
    """Skip the remaining steps of the current epoch and validate."""


class Exclude(Command, frozen=True):
    """Exclude training images from the next epoch on. ``paths`` are as in the journal, or CLASS/FILE."""

    paths: list[_NamedPath]


class Restore(Command, frozen=True):
    """Return excluded images to training from the next epoch on, and move quarantined files back."""

    paths: list[_NamedPath] = []
    """As for Exclude; [] selects all excluded images of ``class_name``."""
    class_name: _Word = ""
    """"" selects all classes."""


AnyCommand: TypeAlias = (
    Pause | Resume | Checkpoint | Predict | Stop | Set | Rollback | Skip | Exclude | Restore
)
"""Every command that an engine accepts."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A file in the spool that is not executed; ``why`` is one line that names the file and the reason."""

    why: str


_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)


def command_name(command: Command) -> str:
    """Return the command's name for users: ``pause``, ``stop``, ``set`` …"""
    return type(command).__name__.lower()


def send(spool: Path, command: AnyCommand) -> str:
    """Write ``command`` to the spool folder and return the id that its answer will have.

    Raises UserError if a run would refuse the command, OSError if the folder can't be written.
    """
    identity = uuid.uuid4().hex[:12]
    stamped = msgspec.structs.replace(command, id=identity, by=whoami(), pid=os.getpid(), t=time.time())
    # File names sort in the order of sending, so the engine executes commands in that order.
    path = spool / f"{time.time_ns():020d}-{identity}.json"
    content = _encoded(stamped)
    # The engine must be able to read a command sent by root. The folder's mode restricts access for others.
    replace_file(path, content, mode=0o644)
    return identity


def _encoded(command: AnyCommand) -> bytes:
    # Checked here, because an engine can't answer a command that it can't read, and the sender would wait forever.
    name = command_name(command)
    try:
        content = msgspec.json.encode(command)
        if len(content) <= _LARGEST:
            _decoder.decode(content)
            return content
    except UnicodeEncodeError:
        raise UserError(
            f"{name}: a file name is not UTF-8 text; write it as vrdl-tui outliers list shows it"
        ) from None
    except msgspec.ValidationError as error:
        raise UserError(f"{name} can't be sent: {printable(str(error), 200)}") from None
    raise UserError(
        f"{name}: {len(content):,} bytes exceed the limit of {_LARGEST:,} bytes per command; "
        "give fewer images at a time"
    )


def whoami() -> str:
    """Return the current user as user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def asker(by: str, pid: int) -> str:
    """Return the sender for display, with the process id that distinguishes two consoles of one user."""
    return f"{by}, process {pid}" if by and pid else by


class Spool:
    """The engine's side of the spool folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stuck: set[str] = set()
        """Names of answered commands that couldn't be removed."""

    def pending(self) -> list[tuple[Path, AnyCommand | Refused]]:
        """Return the waiting commands in the order of sending; [] if the folder can't be read.

        A file is refused if it is a link, not a regular file or not a valid command, if it belongs to a user other than
        this process's user and root, or if it is world-writable. All files are refused if the folder is a link, belongs
        to another user or is world-writable. Costs one folder listing (about 10 µs if empty), so it can be called
        before every step.
        """
        try:
            with os.scandir(self.folder) as entries:
                names = sorted(
                    entry.name for entry in entries if entry.name.endswith(".json") and entry.name[0] != "."
                )
        except OSError:
            return []
        waiting = [name for name in names if name not in self._stuck]
        return self._read_all(waiting) if waiting else []

    def _read_all(self, names: list[str]) -> list[tuple[Path, AnyCommand | Refused]]:
        try:
            folder = self._open()
        except OSError as error:
            why = _cannot_open(error)
            return [(self.folder / name, _refused(name, "its folder", why)) for name in names]
        try:
            why = _why_untrusted(os.fstat(folder))
            return [
                (self.folder / name, _refused(name, "its folder", why) if why else _read(name, folder))
                for name in names
            ]
        finally:
            os.close(folder)

    def done(self, path: Path) -> None:
        """Remove an answered command from the spool; one that can't be removed is ignored from then on.

        Nothing is removed from an untrusted folder: through a link, that would be a file of another folder.
        """
        try:
            folder = self._open()
        except OSError:
            self._stuck.add(path.name)
            return
        try:
            if _why_untrusted(os.fstat(folder)):
                self._stuck.add(path.name)
                return
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path.name, dir_fd=folder)
        except OSError:
            self._stuck.add(path.name)
        finally:
            os.close(folder)

    def _open(self) -> int:
        return os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _read(name: str, folder: int) -> AnyCommand | Refused:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        return _refused(name, "it", _cannot_open(error))
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return _refused(name, "it", "is not a regular file")
        if why := _why_untrusted(status):
            return _refused(name, "it", why)
        if status.st_size > _LARGEST:
            return _refused(name, "it", f"has more than {_LARGEST:,} bytes")
        with os.fdopen(fd, "rb", closefd=False) as file:
            command = _decoder.decode(file.read(_LARGEST))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _refused(name, "it", "is not a valid command")
    finally:
        os.close(fd)
    # A command written by a script may lack sender and time.
    by, t = command.by or _user(status.st_uid), command.t or status.st_mtime
    return msgspec.structs.replace(command, by=by, t=t)


def _why_untrusted(status: os.stat_result) -> str:
    """Return why a file or folder isn't trusted, "" if it is."""
    if status.st_uid not in (os.geteuid(), 0):
        return f"belongs to {_user(status.st_uid)}, not to the user who trains"
    return "can be written to by anyone" if status.st_mode & stat.S_IWOTH else ""


def _cannot_open(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):  # ENOTDIR: with O_DIRECTORY, for a link to a folder
        return "is a link"
    return f"can't be opened: {error.strerror}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _refused(name: str, what: str, why: str) -> Refused:
    return Refused(f"commands/{printable(name, 80)} was refused: {what} {why}")


def accepted(command: Command, detail: str) -> CommandAccepted:
    """Return the answer to an executed command; ``detail`` says what was done."""
    return CommandAccepted(
        id=command.id,
        name=command_name(command),
        by=command.by,
        detail=detail,
        pid=command.pid,
        sent=command.t,
    )


def rejected(command: Command, reason: str) -> CommandRejected:
    """Return the answer to a command that couldn't be executed, with the reason for the user."""
    return CommandRejected(
        id=command.id,
        name=command_name(command),
        by=command.by,
        reason=reason,
        pid=command.pid,
        sent=command.t,
    )
