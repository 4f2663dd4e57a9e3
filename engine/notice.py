"""A person's own command when a run ends: what it is told, and that one party only starts it.

Whoever holds a run's attendance starts the command. A console takes it as soon as it sees that the run lives, and
loses it with its process; an engine that finds it free at the end takes it itself. So the command is started where
the person sits, and all the same when no console is open.
"""

import fcntl
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.rundir import RunDir
from engine.text import printable


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
