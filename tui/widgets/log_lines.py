"""The log's lines, broken into rows: only what is new is laid out when lines come."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, get_args

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from tui.widgets.happenings import Happening, Kind
from tui.widgets.look import BAD, FAINT, GOOD, KEY, MUTED, PLAIN, WARN, Glyphs, styled
from tui.widgets.wording import clock
from tui.widgets.wrapping import wrap

ENGINE_LOG_LINES = 5000
"""How many of engine.log's last lines can be looked at."""

Filter = Literal["all", "warnings", "commands", "training"]
FILTERS: tuple[Filter, ...] = get_args(Filter)
_KINDS: dict[Filter, set[str]] = {
    "warnings": {"warn", "bad"},
    "commands": {"command"},
    "training": {"train"},
}
_STYLES: dict[str, Style] = {
    "train": PLAIN,
    "run": MUTED,
    "command": KEY,
    "good": GOOD,
    "warn": WARN,
    "bad": BAD,
    "engine": PLAIN,
    "head": MUTED,
}
_TIME = 10


class LogLine(NamedTuple):
    """``text`` is safe to show; ``time`` is empty for a line of engine.log."""

    time: str
    kind: Kind | Literal["engine", "head"]
    text: str


class _Row(NamedTuple):
    line: int
    head: str
    piece: str


def of_happening(happening: Happening, glyphs: Glyphs) -> LogLine:
    return LogLine(clock(happening.t), happening.kind, glyphs.clean(happening.text))


def passes(line: LogLine, wanted: Filter) -> bool:
    return wanted == "all" or line.kind in _KINDS[wanted]


class LogLines:
    """Lines and the rows that they take at a width."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self._rows: list[_Row] = []
        self._laid = 0
        self._width = 0

    def set(self, lines: Iterable[LogLine]) -> None:
        self.lines = list(lines)
        self._rows, self._laid = [], 0

    def add(self, line: LogLine) -> None:
        self.lines.append(line)

    def forget(self, count: int) -> int:
        """Leave the first ``count`` lines out from now on; return how many rows they took."""
        rows = self.row_of(count)
        del self.lines[:count]
        self._rows = [row._replace(line=row.line - count) for row in self._rows[rows:]]
        self._laid = max(0, self._laid - count)
        return rows

    def lay(self, width: int) -> int:
        """Break what is not laid out yet into rows of ``width`` cells; return how many rows there are."""
        if width != self._width:
            self._rows, self._laid, self._width = [], 0, width
        for number in range(self._laid, len(self.lines)):
            line = self.lines[number]
            indent = _TIME if line.time else 0
            for at, piece in enumerate(_pieces(line.text, width - indent)):
                self._rows.append(_Row(number, line.time if at == 0 else "", piece))
        self._laid = len(self.lines)
        return len(self._rows)

    def draw(self, start: int, end: int) -> list[Text]:
        return [self._draw(row) for row in self._rows[start:end]]

    def _draw(self, row: _Row) -> Text:
        line = self.lines[row.line]
        style = _STYLES[line.kind]
        if not line.time:
            return styled(row.piece, style)
        return styled(row.head.ljust(_TIME), FAINT).append(row.piece, style)

    def row_of(self, line: int) -> int:
        """Return the first row of a line."""
        low, high = 0, len(self._rows)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._rows[middle].line < line else (low, middle)
        return low

    def line_at(self, row: int) -> int:
        """Return the line that a row is of; -1 before the first row."""
        return self._rows[min(row, len(self._rows) - 1)].line if row >= 0 and self._rows else -1

    def texts(self) -> Sequence[str]:
        return [line.text for line in self.lines]


def _pieces(text: str, width: int) -> list[str]:
    # Most lines fit, and of thousands each costs.
    return [text] if cell_len(text) <= max(4, width) else wrap(text, width)
