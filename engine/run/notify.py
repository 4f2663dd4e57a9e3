"""The user's settings, and the user's command to start when a run ends.

The program never writes ``settings.toml``. Exactly one process starts the command: the holder of the run's
``Attendance``. A console takes it as soon as it sees the run running, and loses it when the console's process ends. The
engine takes it at the end of the run if it is free. So the command starts on the user's machine if a console is open
there, and on the engine's otherwise.
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
    """``[notify]``: what to do when a run ends."""

    bell: bool = True
    """Ring the terminal bell of a console."""
    desktop: Literal["off", "osc9", "osc777"] = "off"
    """Send a desktop notification through a console's terminal: OSC 9 (iTerm2, Windows Terminal, WezTerm, Kitty,
    Ghostty), or OSC 777 (foot, Ghostty, VTE builds of some distributions)."""
    command: list[str] = []
    """Program and arguments, started without a shell by a console, or by the engine if none is open."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``settings.toml`` in the user's configuration folder."""

    notify: Notices = Notices()


def settings_path() -> Path:
    """Return the path of the settings, which may not exist. ``XDG_CONFIG_HOME`` changes its location."""
    import platformdirs

    return platformdirs.user_config_path("vrdl-tui") / "settings.toml"


def load_settings(path: Path) -> tuple[Settings, str]:
    """Return the settings, and the reason if the file is ignored ("" if it is used or missing)."""
    return read_toml(path, Settings)


def read_toml(path: Path, kind: type[T]) -> tuple[T, str]:
    """Return the content of a TOML file as ``kind`` and "", or the defaults and the reason if it can't be read."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), kind), ""
    except FileNotFoundError:
        return kind(), ""
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        reason = str(error)
    return kind(), f"{printable(str(path))} is ignored: {printable(reason)}; fix or remove it"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: the outcome of its ``RunEnded``, or "interrupted" if the engine ended without that event."""

    run: RunDir
    outcome: str
    reason: str
    best: float | None
    """The best monitored score, percent or loss."""
    key: tuple[float, float] = field(default=(0.0, 0.0), compare=False)
    """When the run began and ended: identifies the ending across the processes that observe it."""

    def sentence(self) -> str:
        """Return the ending as one line of text."""
        best = "" if self.best is None else f", best {self.best:.5g}"
        reason = f": {self.reason}" if self.reason else ""
        return printable(f"{self.run.name} {self.outcome.replace('_', ' ')}{best}{reason}", 200)

    def variables(self) -> dict[str, str]:
        """Return the environment variables for the user's command."""
        return {
            "VRDL_RUN": self.run.name,
            "VRDL_PATH": str(self.run.path.absolute()),
            "VRDL_OUTCOME": self.outcome,
            "VRDL_REASON": printable(self.reason),
            "VRDL_BEST": "" if self.best is None else f"{self.best:.5f}",
        }


class Attendance:
    """The right to start one user's command at the end of one run, held until ``release`` or the process ends."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def take(cls, run: RunDir) -> "Attendance | None":
        """Acquire it, or return None if another process of this user has it or the folder isn't writable."""
        try:
            # A file per user: a user's command must not depend on which other users watch the run.
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
        """Give up the right."""
        os.close(self._fd)


def run_command(command: Sequence[str], end: Ending, *, patience: float | None = None) -> str:
    """Run the user's command and wait for it; return an error message of one line, or "".

    After ``patience`` seconds, stop waiting and leave the command running.
    """
    name = printable(command[0])
    try:
        # In a session of its own, so that it may outlive this process and doesn't receive its Ctrl-C.
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
