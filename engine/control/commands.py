"""What is asked of a running engine: typed commands in a spool folder, each a file renamed into place.

Only the user who trains and root may command a run: the owner and the mode of a file are checked before its content
is read. Each command gets an answer, an event in the journal.
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
"""Bytes of a command: more paths than a command line takes."""
# What is answered goes into the journal, and who asked once for each image: not without a bound.
_Word = Annotated[str, msgspec.Meta(max_length=1000)]
_NamedPath = Annotated[str, msgspec.Meta(max_length=20_000)]


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="name", tag=str.lower):
    """A request: ``id`` links it to its answer in the journal.

    ``by`` is user@host, ``pid`` the process there that sent it at the time ``t``; "" and 0: not known.
    """

    id: _Word = ""
    by: _Word = ""
    pid: int = 0
    t: float = 0.0


class Pause(Command, frozen=True): ...


class Resume(Command, frozen=True): ...


class Checkpoint(Command, frozen=True): ...


class Predict(Command, frozen=True): ...


class Stop(Command, frozen=True):
    """Stop now, with a checkpoint, or once the epoch under way has been validated."""

    after_epoch: bool = False


class Set(Command, frozen=True):
    """Change a setting while the run goes on; ``value`` is text, judged by the recipe's own types."""

    key: _Word
    value: _Word


class Rollback(Command, frozen=True):
    """Go on from the best weights so far."""


class Skip(Command, frozen=True):
    """Leave out the rest of the epoch's steps: it is validated as it stands."""


class Exclude(Command, frozen=True):
    """Leave training images out from the next epoch on. ``paths`` are as in the journal, or CLASS/FILE."""

    paths: list[_NamedPath]


class Restore(Command, frozen=True):
    """Let outliers take part again from the next epoch on; a quarantined file goes back to its place.

    ``paths`` as for Exclude; an empty list names the outliers of ``class_name``, of every class if that is
    empty too.
    """

    paths: list[_NamedPath] = []
    class_name: _Word = ""


AnyCommand: TypeAlias = (
    Pause | Resume | Checkpoint | Predict | Stop | Set | Rollback | Skip | Exclude | Restore
)


@dataclass(frozen=True, slots=True)
class Refused:
    """A file in the spool that is not obeyed; ``why`` is one line that names it."""

    why: str


_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)


def command_name(command: Command) -> str:
    """Return the word by which a person knows the command: ``pause``, ``stop``, ``set`` …"""
    return type(command).__name__.lower()


def send(spool: Path, command: AnyCommand) -> str:
    """Put ``command`` into the spool folder and return the id that its answer will carry.

    Raises UserError for one that a run would not take, OSError when the folder can't be written.
    """
    identity = uuid.uuid4().hex[:12]
    stamped = msgspec.structs.replace(command, id=identity, by=whoami(), pid=os.getpid(), t=time.time())
    # Names sort in the order of sending, so that the engine takes the commands in that order.
    path = spool / f"{time.time_ns():020d}-{identity}.json"
    content = _encoded(stamped)
    # Root's own, too, has to be readable to the engine; who else may look is the folder's affair.
    replace_file(path, content, mode=0o644)
    return identity


def _encoded(command: AnyCommand) -> bytes:
    # An engine can't answer what it can't read: who sent it would wait in vain.
    name = command_name(command)
    try:
        content = msgspec.json.encode(command)
        if len(content) <= _LARGEST:
            _decoder.decode(content)
            return content
    except UnicodeEncodeError:
        raise UserError(
            f"{name}: a name in it is not UTF-8 text; give it as outliers list shows it"
        ) from None
    except msgspec.ValidationError as error:
        raise UserError(f"{name} can't be sent: {printable(str(error), 200)}") from None
    raise UserError(
        f"{name}: {len(content):,} bytes are more than the {_LARGEST:,} that a run takes at once; "
        "name fewer images at a time"
    )


def whoami() -> str:
    """Return user@host: who asks."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def asker(by: str, pid: int) -> str:
    """Return who asked, in words: two consoles of one person are told apart by their process."""
    return f"{by}, process {pid}" if by and pid else by


class Spool:
    """The engine's end of the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stuck: set[str] = set()
        """Names that were done with, and couldn't be removed."""

    def pending(self) -> list[tuple[Path, AnyCommand | Refused]]:
        """Return the waiting files in the order of sending; a folder that can't be read has none.

        A file is refused that is a link, no regular file or no command, that belongs to somebody else than this
        process's user or root, or that anyone may write to; so is every file of a folder of which that is true.
        Costs one folder listing (about 10 µs when it is empty), so it can be asked before every step.
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
            doubt = _doubt(os.fstat(folder))
            return [
                (self.folder / name, _refused(name, "its folder", doubt) if doubt else _read(name, folder))
                for name in names
            ]
        finally:
            os.close(folder)

    def done(self, path: Path) -> None:
        """Take an answered command off the spool; one that can't be removed is not looked at again.

        Of a folder that isn't trusted none is: through a link it would be a file of another folder.
        """
        try:
            folder = self._open()
        except OSError:
            self._stuck.add(path.name)
            return
        try:
            if _doubt(os.fstat(folder)):
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
            return _refused(name, "it", "is no regular file")
        if doubt := _doubt(status):
            return _refused(name, "it", doubt)
        if status.st_size > _LARGEST:
            return _refused(name, "it", f"has more than {_LARGEST:,} bytes")
        with os.fdopen(fd, "rb", closefd=False) as file:
            command = _decoder.decode(file.read(_LARGEST))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _refused(name, "it", "is no command")
    finally:
        os.close(fd)
    # One that a script wrote may not say who asks, and when.
    by, t = command.by or _user(status.st_uid), command.t or status.st_mtime
    return msgspec.structs.replace(command, by=by, t=t)


def _doubt(status: os.stat_result) -> str:
    """Say why a file or folder isn't trusted; "" when it is."""
    if status.st_uid not in (os.geteuid(), 0):
        return f"belongs to {_user(status.st_uid)}, not to who trains"
    return "can be written to by anyone" if status.st_mode & stat.S_IWOTH else ""


def _cannot_open(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):  # a link; to a folder, where a folder was asked for
        return "is a link"
    return f"can't be opened: {error.strerror}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _refused(name: str, what: str, why: str) -> Refused:
    return Refused(f"commands/{printable(name, 80)} was not obeyed: {what} {why}")


def accepted(command: Command, detail: str) -> CommandAccepted:
    return CommandAccepted(
        id=command.id,
        name=command_name(command),
        by=command.by,
        detail=detail,
        pid=command.pid,
        sent=command.t,
    )


def rejected(command: Command, reason: str) -> CommandRejected:
    return CommandRejected(
        id=command.id,
        name=command_name(command),
        by=command.by,
        reason=reason,
        pid=command.pid,
        sent=command.t,
    )
