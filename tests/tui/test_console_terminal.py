"""The console in a real pseudo-terminal: what it costs, and what it does when the terminal goes."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import made_runs
import psutil
import pytest
from watching import PlayedEngine

from engine.journal.events import Step
from engine.run.directory import RunDir

_OPEN = """
import sys
from pathlib import Path
from engine.run.directory import RunDir
from tui.app import ConsoleApp
run = RunDir(Path(sys.argv[1]))
sys.exit(ConsoleApp(run.path.parent, run).run())
"""

# There is no key that breaks the console.
_BREAK = """
import sys
from pathlib import Path
from engine.run.directory import RunDir
from tui.cli.console import open_console
from tui.screens.live import LiveScreen
def broken(screen):
    raise RuntimeError("broken")
LiveScreen.action_log = broken
run = RunDir(Path(sys.argv[1]))
sys.exit(open_console(run.path.parent, run, ascii=False))
"""


class Terminal:
    """A pseudo-terminal of 120x40 with a console on it."""

    def __init__(self, run: RunDir, program: str = _OPEN) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(run.path)],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True, cwd=Path(__file__).parents[2],
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )  # fmt: skip
        os.close(slave)
        self.seen = b""

    def read(self, seconds: float, *, until: bytes = b"") -> int:
        """Read for a time, or until something has been written; return how many bytes came."""
        before, deadline = len(self.seen), time.monotonic() + seconds
        while time.monotonic() < deadline and not (until and until in self.seen):
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 65536)
        return len(self.seen) - before


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def made(run: RunDir, program: str = _OPEN) -> Terminal:
        opened.append(Terminal(run, program))
        return opened[-1]

    yield made
    for one in opened:
        one.process.kill()
        one.process.wait()


def test_a_live_run_costs_the_terminal_little(
    make: Callable[..., RunDir], terminal: Callable[..., Terminal]
) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    screen = terminal(run)
    screen.read(20, until=b"quit")
    screen.read(2)
    process = psutil.Process(screen.process.pid)
    before = sum(process.cpu_times()[:2])
    started, written = time.monotonic(), 0
    for number in range(60):
        engine.says(
            Step(
                epoch=15, step=42 + number, steps=103, loss=1.2 + number / 997, train_acc=50 + number / 97,
                images_per_s=210 + number % 7, eta=1000.0 - number,
            )
        )  # fmt: skip
        written += screen.read(0.1)
    seconds = time.monotonic() - started
    assert written / seconds <= 1500
    assert process.memory_info().rss <= 90e6
    # Four times what is wanted of a core: benchmarks measure, tests catch what runs wild on a busy machine.
    assert (sum(process.cpu_times()[:2]) - before) / seconds <= 0.08


def test_the_console_ends_when_its_terminal_is_gone(
    make: Callable[..., RunDir], terminal: Callable[..., Terminal]
) -> None:
    screen = terminal(make(made_runs.live(), alive=True))
    screen.read(20, until=b"quit")
    os.close(screen.master)
    screen.process.wait(15)


@pytest.mark.parametrize(
    ("state", "key", "code"), [("live", b"l", 1), ("finished", b"q", 0), ("failed", b"q", 1)]
)
def test_the_exit_code_tells_whether_it_broke_down(
    make: Callable[..., RunDir], terminal: Callable[..., Terminal], state: str, key: bytes, code: int
) -> None:
    screen = terminal(make(made_runs.STATES[state](), alive=False), _BREAK)
    screen.read(20, until=b"leave")
    os.write(screen.master, key)
    screen.read(
        20, until=b"RuntimeError" if key == b"l" else b"its files are in" if code == 0 else b"details in"
    )
    assert screen.process.wait(20) == code
