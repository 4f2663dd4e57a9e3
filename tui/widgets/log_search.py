"""What is looked for in the log: the word being typed, which lines have it, and where in them."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from tui.widgets.look import DARK

FOUND = Style.parse(f"{DARK.ground} on {DARK.yellow}")
_LONGEST = 60


class LogSearch:
    """Case does not matter. ``word`` is empty while nothing is looked for."""

    def __init__(self) -> None:
        self.word = ""
        self.typing = False
        self.lines: list[int] = []
        """The numbers of the lines that have the word, ascending."""

    def type(self, character: str) -> None:
        self.word = (self.word + character)[:_LONGEST]

    def erase(self) -> None:
        self.word = self.word[:-1]

    def look(self, texts: Sequence[str]) -> None:
        """Find the lines among ``texts`` that have the word."""
        word = self.word.casefold()
        self.lines = [number for number, text in enumerate(texts) if word in text.casefold()] if word else []

    def next(self, line: int, step: int) -> int | None:
        """Return the next line after ``line`` (``step`` 1) or before it (-1) that has the word, round the end."""
        if not self.lines:
            return None
        at = bisect_right(self.lines, line) if step > 0 else bisect_left(self.lines, line) - 1
        return self.lines[at % len(self.lines)]

    def place(self, line: int) -> str:
        """Say which of the lines found ``line`` is: ``3 of 12``."""
        if not self.lines:
            return "nothing found" if self.word else ""
        at = bisect_left(self.lines, line)
        here = at < len(self.lines) and self.lines[at] == line
        return f"{at + 1:,} of {len(self.lines):,}" if here else f"{len(self.lines):,} found"

    def highlight(self, row: Text) -> None:
        """Mark the word wherever ``row`` has it."""
        plain, word = row.plain.casefold(), self.word.casefold()
        # Folding some letters makes them two: then the places are not those of the row.
        if not word or len(plain) != len(row.plain):
            return
        at = plain.find(word)
        while at >= 0:
            row.stylize(FOUND, at, at + len(word))
            at = plain.find(word, at + len(word))
