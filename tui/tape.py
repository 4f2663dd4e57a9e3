"""A journal read in the order of its times, as far as a clock has come; what lies far behind it in one go."""

import os
from collections.abc import Iterator
from pathlib import Path

from engine.core.files import open_regular
from engine.journal.events import AnyEvent, Step, decode_line
from engine.journal.index import compact
from engine.journal.log import JournalReader

_TAIL = 1 << 20


class Tape:
    """Reads from the start; ``rewind`` begins anew. Nothing of a long journal is held but some 4 MB of it."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self.rewind()

    def rewind(self) -> None:
        self._reader = JournalReader(self._journal)
        self._blocks = self._reader.blocks()
        self._lines: list[bytes] = []
        self._next: AnyEvent | None = None

    def until(self, t: float) -> Iterator[list[AnyEvent]]:
        """Yield the events up to time ``t`` that have not been yielded yet, steps that others supersede left out.

        Raises OSError.
        """
        while True:
            if not self._lines and self._next is None:
                block = next(self._blocks, None)
                if block is None:
                    return
                self._lines = block.split(b"\n")
                last = decode_line(self._lines[-1])
                if last is not None and last.t <= t:
                    self._lines = []
                    yield list(self._reader.decode(compact(block)))
                    continue
                self._lines.reverse()
            due = self._due(t)
            if due:
                yield due
            if self._next is not None:
                return

    def _due(self, t: float) -> list[AnyEvent]:
        """Take from the block under way what is due; the first event that isn't waits in ``_next``."""
        due: list[AnyEvent] = []
        while self._next is not None or self._lines:
            event = self._next or decode_line(self._lines.pop())
            self._next = None
            if event is None:
                continue
            if event.t > t:
                self._next = event
                break
            if due and isinstance(event, Step) and isinstance(due[-1], Step):
                due.pop()
            due.append(event)
        return due


def span(journal: Path) -> tuple[float, float]:
    """Return the times of a journal's first and last event; (0, 0) for one without any. Raises OSError."""
    with open_regular(journal) as file:
        first = decode_line(file.readline(_TAIL))
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
        ends = (decode_line(line) for line in reversed(file.read().splitlines()))
        last = next((event for event in ends if event is not None), None)
    return (first.t, last.t) if first is not None and last is not None else (0.0, 0.0)
