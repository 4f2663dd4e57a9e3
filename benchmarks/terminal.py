"""A program in a pseudo-terminal of 120x40 whose output is kept with its times, to be read afterwards."""

import contextlib
import os
import re
import select
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
import pyte
from ptyprocess import PtyProcess

COLUMNS, ROWS = 120, 40
CONSOLE = str(Path(sys.executable).with_name("vrdl-tui"))

BRAILLE = re.compile(rb"\xe2[\xa0-\xa3]")
"""A dot of the accuracy curve: nothing else on the screen is drawn in Braille."""

# Textual asks whether a frame can be written in one piece; the terminals of today say yes.
_ASKS_SYNC, _HAS_SYNC = b"\x1b[?2026$p", b"\x1b[?2026;2$y"


class Terminal:
    """Starts ``argv`` at once. Nothing is interpreted while it runs: that would take time from it."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        # The console remembers its look: here it begins as it does for the first time.
        self._state = tempfile.TemporaryDirectory()
        surroundings = (
            os.environ
            | {"XDG_STATE_HOME": self._state.name}
            | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        )
        for name in ("LC_ALL", "NO_COLOR"):
            surroundings.pop(name, None)
        self.chunks: list[tuple[float, bytes]] = []
        self._processor: list[float] = []
        self.started = time.perf_counter()
        self._process = PtyProcess.spawn(
            list(argv), env={**surroundings, **(env or {})}, dimensions=(ROWS, COLUMNS)
        )
        self.pid: int = self._process.pid
        self._watched = psutil.Process(self.pid)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._process.close(force=True)
        self._state.cleanup()

    def record(self, seconds: float, *, until: re.Pattern[bytes] | None = None) -> None:
        """Take what is written in ``seconds``; stop once ``until`` is in it, or the program has ended."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if not select.select([self._process.fd], [], [], left)[0]:
                return
            try:
                data = os.read(self._process.fd, 65536)
            except OSError:  # the program has ended
                return
            self.chunks.append((time.perf_counter() - self.started, data))
            self._processor.append(self._seconds())
            if _ASKS_SYNC in data:
                self.press(_HAS_SYNC)
            if not data or (until is not None and until.search(data)):
                return

    def _seconds(self) -> float:
        try:
            times = self._watched.cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.user + times.system)

    def press(self, keys: bytes) -> None:
        os.write(self._process.fd, keys)

    def ended(self) -> bool:
        return not self._process.isalive()

    def shown_at(self, *conditions: Callable[[str], object]) -> list[tuple[float, float] | None]:
        """Play the output into a screen; return when each condition first held.

        In seconds from exec, and in seconds of the processor that the program had had by then.
        """
        screen = pyte.Screen(COLUMNS, ROWS)
        stream = pyte.ByteStream(screen)
        times: list[tuple[float, float] | None] = [None] * len(conditions)
        for (at, data), processor in zip(self.chunks, self._processor, strict=True):
            stream.feed(data)
            text = "\n".join(screen.display)
            times = [
                (at, processor) if known is None and holds(text) else known
                for known, holds in zip(times, conditions, strict=True)
            ]
        return times

    def screen(self) -> str:
        """Return what is on the screen at the end."""
        screen = pyte.Screen(COLUMNS, ROWS)
        stream = pyte.ByteStream(screen)
        for _, data in self.chunks:
            stream.feed(data)
        return "\n".join(screen.display)


def spread(values: Sequence[float], unit: str = "s", digits: int = 3) -> str:
    """Return the median, and the least and greatest, as text."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f} to {high:.{digits}f}; {len(values)} measured)"


def load() -> str:
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}"
