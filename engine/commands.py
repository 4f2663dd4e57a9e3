"""What is asked of a running engine: typed commands in a spool folder, each a file renamed into place."""

import getpass
import os
import socket
import time
import uuid
from pathlib import Path
from typing import TypeAlias

import msgspec

from engine.files import replace_file

_LARGEST = 64 * 1024


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="name", tag=str.lower):
    """A request: ``id`` links it to its answer in the journal, ``by`` is user@host."""

    id: str = ""
    by: str = ""
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

    key: str
    value: str


class Rollback(Command, frozen=True):
    """Go on from the best weights so far."""


class Skip(Command, frozen=True):
    """Leave out the rest of the epoch's steps: it is validated as it stands."""


class Exclude(Command, frozen=True):
    """Leave training images out from the next epoch on. ``paths`` are as in the journal, or CLASS/FILE."""

    paths: list[str]


class Restore(Command, frozen=True):
    """Let outliers take part again from the next epoch on; a quarantined file goes back to its place.

    ``paths`` as for Exclude; an empty list names the outliers of ``class_name``, of every class if that is
    empty too.
    """

    paths: list[str] = []
    class_name: str = ""


AnyCommand: TypeAlias = (
    Pause | Resume | Checkpoint | Predict | Stop | Set | Rollback | Skip | Exclude | Restore
)

_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)


def command_name(command: Command) -> str:
    """Return the word by which a person knows the command: ``pause``, ``stop``, ``set`` …"""
    return type(command).__name__.lower()


def send(spool: Path, command: AnyCommand) -> str:
    """Put ``command`` into the spool folder and return the id that its answer will carry.

    Raises OSError when the folder can't be written.
    """
    identity = uuid.uuid4().hex[:12]
    stamped = msgspec.structs.replace(command, id=identity, by=whoami(), t=time.time())
    # Names sort in the order of sending, so that the engine takes the commands in that order.
    replace_file(spool / f"{time.time_ns():020d}-{identity}.json", msgspec.json.encode(stamped))
    return identity


def whoami() -> str:
    """Return user@host: who asks."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


class Spool:
    """The engine's end of the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pending(self) -> list[tuple[Path, AnyCommand | None]]:
        """Return the waiting files in the order of sending; None stands for one that is no command.

        Costs one folder listing (about 10 µs when it is empty), so it can be asked before every step.
        """
        try:
            with os.scandir(self._folder) as entries:
                names = sorted(
                    entry.name for entry in entries if entry.name.endswith(".json") and entry.name[0] != "."
                )
        except FileNotFoundError:
            return []
        return [(self._folder / name, self._read(self._folder / name)) for name in names]

    @staticmethod
    def _read(path: Path) -> AnyCommand | None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return _decoder.decode(os.read(fd, _LARGEST))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        finally:
            os.close(fd)

    @staticmethod
    def done(path: Path) -> None:
        """Take an answered command off the spool."""
        path.unlink(missing_ok=True)
