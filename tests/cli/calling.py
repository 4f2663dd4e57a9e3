"""Call the real `vrdl-tui`, as a shell would."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests import warm

PROGRAM = warm.VRDL_TUI


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def default_signals() -> None:
    """Let a program started with this ``preexec_fn`` have the signals of a shell's: a background job's are ignored."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment without what would change an answer, and with no network."""
    unwanted = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "HF_HUB_OFFLINE": "1", **changes}


def call(*arguments: str | Path, cwd: Path, **changes: str) -> Answer:
    """Run the program to its end in ``cwd``, off a terminal; ``changes`` are to the environment."""
    done = warm.run(
        [PROGRAM, *map(str, arguments)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=220,
        env=environment(**changes),
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def start(*arguments: str | Path, cwd: Path) -> warm.Process:
    """Start the program in ``cwd``, with pipes for its output."""
    return warm.start(
        [PROGRAM, *map(str, arguments)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def refusal(*arguments: str | Path, cwd: Path, **changes: str) -> str:
    """Return the one line with which the program refuses; nothing may have been written."""
    before = tree(cwd)
    answer = call(*arguments, cwd=cwd, **changes)
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.startswith("vrdl-tui: ")
    assert answer.err.count("\n") == 1
    assert answer.err.endswith("\n")
    assert tree(cwd) == before
    return answer.err.removeprefix("vrdl-tui: ").removesuffix("\n")


def tree(folder: Path) -> list[tuple[Path, int]]:
    """Return every path below ``folder``, files with the time of their last change."""
    return sorted((path, path.lstat().st_mtime_ns if path.is_file() else 0) for path in folder.rglob("*"))
