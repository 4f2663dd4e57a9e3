"""Commands on their way into the spool: written by a thread, in the order in which they were given."""

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from engine.control.commands import AnyCommand
from engine.run.directory import RunDir
from tui import link


class _Asked(NamedTuple):
    run: RunDir
    command: AnyCommand
    told: Callable[[str, str], object]


class Asking:
    """One for a console: a pause from the live view stays before a restore from the gallery above it."""

    def __init__(self) -> None:
        self._waiting: deque[_Asked] = deque()
        self._guard = threading.Lock()
        self._busy = False

    def ask(self, run: RunDir, command: AnyCommand, told: Callable[[str, str], object]) -> None:
        """Send a command; ``told`` hears from a thread what ``link.ask`` gives back."""
        with self._guard:
            self._waiting.append(_Asked(run, command, told))
            if self._busy:
                return
            self._busy = True
        # Not a daemon: what was asked for just before the console is left is written yet.
        threading.Thread(target=self._write, name="commands").start()

    def _write(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._busy = False
                    return
                asked = self._waiting.popleft()
            try:
                asked.told(*link.ask(asked.run, asked.command))
            except BaseException:  # a defect of ours: the next command has a thread of its own
                with self._guard:
                    self._busy = False
                raise


ASKING = Asking()
