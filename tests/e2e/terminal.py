"""A terminal for the real program: a pseudo-terminal with keys, a size, and a screen that can be read."""

import os
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path

import pyte

from tests import warm

PROGRAM = warm.VRDL_TUI
EXECUTED = ("env", str(PROGRAM))
"""The program as a shell starts it, and not forked; so is all that it starts."""
PATIENCE = 60.0
ESCAPE = "\x1b"
HOME = "\x1b[H"
END = "\x1b[F"

# As most terminals of today, this one can draw an update at once; a program writes more to such a one.
_BEGIN, _END = b"\x1b[?2026h", b"\x1b[?2026l"
_CAN_SYNC = b"\x1b[?2026$p"
_YES_IT_CAN = b"\x1b[?2026;2$y"
_SPLIT = len(_CAN_SYNC) - 1

_LAST_OF_THE_SCREEN = b"\x1b[?1049l"
# Alternate screen off, mouse off, cursor on, line wrap on, bracketed paste off.
_SANE = {1049: b"l", 1000: b"l", 1003: b"l", 25: b"h", 7: b"h", 2004: b"l"}


def environment() -> dict[str, str]:
    """Return the variables of a plain xterm with a UTF-8 locale; the engine gets one core and no network."""
    unwanted = ("COLUMNS", "LINES", "NO_COLOR", "COLORTERM", "LC_ALL", "LC_CTYPE", "PYTEST_CURRENT_TEST")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in unwanted and not name.startswith("TEXTUAL")
    }
    return kept | {
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def command(
    *arguments: str, cwd: Path, program: Sequence[str] = (str(PROGRAM),)
) -> "subprocess.CompletedProcess[str]":
    """Run ``vrdl-tui`` with ``arguments`` off a terminal, to its end."""
    return warm.run(
        [*program, *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=PATIENCE,
    )


class Terminal:
    """``vrdl-tui`` on a pseudo-terminal of its own; a thread reads what it draws onto a screen.

    ``controlling`` false gives a program that the kernel won't tell when the terminal goes away; ``program`` is
    another that ``vrdl-tui`` is started by.
    """

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        size: tuple[int, int] = (120, 40),
        controlling: bool = True,
        program: Sequence[str] = (str(PROGRAM),),
    ) -> None:
        columns, rows = size
        self._fd, inner = os.openpty()
        try:
            _set_size(self._fd, size)
            self._process = warm.start(
                [*program, *arguments], cwd=cwd, env=environment(), stdin=inner, stdout=inner, stderr=inner,
                start_new_session=True, controlling=controlling,
            )  # fmt: skip
        finally:
            os.close(inner)
        self.pid = self._process.pid
        self.output = bytearray()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._closing.is_set():
            if not select.select([self._fd], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # the last program on the terminal is gone
                return
            if not data:
                return
            with self._changed:
                self.output += data
                for _ in range(self.output.count(_CAN_SYNC, max(0, len(self.output) - len(data) - _SPLIT))):
                    os.write(self._fd, _YES_IT_CAN)
                # What a program was killed in the middle of is no sequence, with the words of the next behind it.
                with suppress(TypeError, UnboundLocalError):
                    self._stream.feed(data)
                self._changed.notify_all()

    @property
    def text(self) -> str:
        """The screen as it stands, row by row."""
        with self._changed:
            return "\n".join(self._screen.display)

    @property
    def rows(self) -> list[str]:
        return self.text.split("\n")

    @property
    def ground(self) -> str:
        """The colour behind the first cell: ``ffffff`` for white."""
        with self._changed:
            return str(self._screen.buffer[0][0].bg)

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def paste(self, data: bytes) -> None:
        """Send ``data`` as it is, at the pace at which the program reads it."""
        for at in range(0, len(data), 1024):
            os.write(self._fd, data[at : at + 1024])

    def stop_reading(self) -> None:
        """Take nothing any more of what the program draws."""
        self._closing.set()
        self._reader.join(PATIENCE)

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Take nothing for a while: the program waits within what it writes."""
        with self._changed:
            yield

    def resize(self, columns: int, rows: int) -> None:
        """Change the size; the screen is emptied, so that what it shows from here on was drawn anew."""
        with self._changed:
            self._screen.resize(rows, columns)
            self._screen.reset()
        _set_size(self._fd, (columns, rows))

    def until(self, true: Callable[[str], object], what: str) -> str:
        """Wait until ``true`` of the screen, and return the screen; one that is half drawn does not count."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not true(text := "\n".join(self._screen.display)) or self._half_drawn():
                left = deadline - time.monotonic()
                assert left > 0, f"waited in vain for {what}; the screen:\n{text}"
                assert self._reader.is_alive(), f"the program ended, no {what}; the screen:\n{text}"
                self._changed.wait(min(left, 0.5))
        return text

    def _half_drawn(self) -> bool:
        return self.output.rfind(_BEGIN) > self.output.rfind(_END)

    def shows(self, *texts: str) -> str:
        """Wait until every one of ``texts`` is on the screen, and return the screen."""
        return self.until(lambda screen: all(text in screen for text in texts), repr(texts))

    def hides(self, text: str) -> str:
        """Wait until ``text`` is not on the screen (any more)."""
        return self.until(lambda screen: text not in screen, f"{text!r} to go")

    def ended(self, seconds: float = PATIENCE) -> int:
        """Wait for the program's end and return its exit code, or minus the signal that ended it."""
        deadline = time.monotonic() + seconds
        while (code := self._process.poll()) is None:
            assert time.monotonic() < deadline, f"still running; the screen:\n{self.text}"
            time.sleep(0.01)
        self._reader.join(PATIENCE)
        return code

    def left_sane(self) -> bool:
        """Say whether the program put back every mode of the terminal that it had changed."""
        output = bytes(self.output)
        last = {
            mode: max(output.rfind(b"\x1b[?%d%s" % (mode, end)) for end in (b"h", b"l")) for mode in _SANE
        }
        return all(output[at:].startswith(b"\x1b[?%d%s" % (mode, _SANE[mode])) for mode, at in last.items())

    def last_words(self) -> str:
        """Return the plain text after the full screen was left, its escape sequences removed."""
        screen = pyte.Screen(500, 5)
        pyte.ByteStream(screen).feed(bytes(self.output).rpartition(_LAST_OF_THE_SCREEN)[2])
        return "\n".join(screen.display).strip()

    def kill(self) -> None:
        """End the program as ``kill -9`` does."""
        with suppress(ProcessLookupError):
            if self._process.poll() is None:
                os.kill(self.pid, signal.SIGKILL)
        self.ended()

    def hang_up(self) -> None:
        """Take the terminal away: the window is closed, the connection drops."""
        self._closing.set()
        self._reader.join(PATIENCE)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        self.kill()
        self.hang_up()


def _set_size(fd: int, size: tuple[int, int]) -> None:
    ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
