"""The user's settings, and the command of their own that is run when a run ends.

Nothing in this program writes ``settings.toml``. One process only starts the command: whoever holds the run's
``Attendance``. A console takes it as soon as it sees that the run is running, and loses it when its process ends; an
engine that finds it free at the end takes it. So the command is started where the user sits, and also when no console
is open.
"""

import fcntl
import os
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from engine.core.text import printable
from engine.run.directory import RunDir

T = TypeVar("T", bound=msgspec.Struct)


class Notices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[notify]``: what is done when a run ends."""

    bell: bool = True
    """Ring the bell of a console's terminal."""
    desktop: Literal["off", "osc9", "osc777"] = "off"
    """Ask a console's terminal for a notice on the desktop: OSC 9 (iTerm2, Windows Terminal, WezTerm, Kitty,
    Ghostty), or OSC 777 (foot, Ghostty, VTE builds of some distributions)."""
    command: list[str] = []
    """A program and its arguments, started without a shell: by a console, or by the engine where none is open."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``settings.toml`` in the person's configuration folder."""

    notify: Notices = Notices()


def settings_path() -> Path:
    """Return where the settings are, which need not exist; ``XDG_CONFIG_HOME`` moves it."""
    import platformdirs

    return platformdirs.user_config_path("vrdl-tui") / "settings.toml"


def load_settings(path: Path) -> tuple[Settings, str]:
    """Return the settings, and why the file is ignored: "" when it isn't, or is missing."""
    return read_toml(path, Settings)


def read_toml(path: Path, kind: type[T]) -> tuple[T, str]:
    """Return a file's content as ``kind``; its defaults and why the file is ignored where it can't be read so."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), kind), ""
    except FileNotFoundError:
        return kind(), ""
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        reason = str(error)
    return kind(), f"{printable(str(path))} is ignored: {printable(reason)}; mend or remove it"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: RunEnded's outcome, or "interrupted" for an engine that is gone without a last word."""

    run: RunDir
    outcome: str
    reason: str
    best: float | None
    """Percent or loss, as the run watches."""
    key: tuple[float, float] = field(default=(0.0, 0.0), compare=False)
    """When the run began, and when it ended: the same end has the same, whoever saw it."""

    def sentence(self) -> str:
        best = "" if self.best is None else f", best {self.best:.5g}"
        reason = f": {self.reason}" if self.reason else ""
        return printable(f"{self.run.name} {self.outcome.replace('_', ' ')}{best}{reason}", 200)

    def variables(self) -> dict[str, str]:
        """Return what a command of the person's finds in its environment."""
        return {
            "VRDL_RUN": self.run.name,
            "VRDL_PATH": str(self.run.path.absolute()),
            "VRDL_OUTCOME": self.outcome,
            "VRDL_REASON": printable(self.reason),
            "VRDL_BEST": "" if self.best is None else f"{self.best:.5f}",
        }


class Attendance:
    """The right to start one person's command at the end of one run, until ``release`` or the process's end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def take(cls, run: RunDir) -> "Attendance | None":
        """Take it, or return None: another process of this person has it, or the folder can't be written to."""
        try:
            # One a person: what one has set up is not to depend on who else is watching.
            path = run.path / f".attended-{os.getuid()}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return None
        return cls(fd)

    def release(self) -> None:
        os.close(self._fd)


def run_command(command: Sequence[str], end: Ending, *, patience: float | None = None) -> str:
    """Run the person's command, wait for it, and return what is wrong with it in one line, or "".

    After ``patience`` seconds it is left to itself.
    """
    name = printable(command[0])
    try:
        # In a session of its own: it may outlive who starts it, and hears no Ctrl-C that is meant for that one.
        code = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **end.variables()},
            start_new_session=True,
        ).wait(patience)
    except subprocess.TimeoutExpired:
        return ""
    except (OSError, ValueError) as error:
        return f"notify.command {name} can't be started: {getattr(error, 'strerror', None) or error}"
    return f"notify.command {name} ended with exit code {code}" if code else ""
