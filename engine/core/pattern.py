"""Regular expressions that users write."""

import regex

from engine.core.text import printable

LONGEST = 500
"""Characters of a pattern."""
_SECONDS = 2.0


class SlowPatternError(Exception):
    """Raised for a pattern that takes more than two seconds on one text, as nested repetitions may."""


class Pattern:
    """A compiled pattern, in the syntax of Python's ``re``, and how to take a part of a text with it.

    The package ``regex`` compiles it, because it can stop a search that would take exponential time.
    """

    def __init__(self, text: str) -> None:
        """Raise ValueError with what is wrong in the pattern ``text``."""
        if len(text) > LONGEST:
            raise ValueError(f"longer than {LONGEST} characters")
        try:
            self._compiled = regex.compile(text)
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise ValueError(f"not a regular expression: {printable(str(error), 200)}") from None
        self._group = 1 if self._compiled.groups else 0

    def part_of(self, text: str) -> str | None:
        """Return what the pattern's first group matches in ``text``, or all of its match if it has no group.

        The first match anywhere in ``text`` counts. None without a match, or if the part is empty. Raises
        SlowPatternError.
        """
        try:
            match = self._compiled.search(text, timeout=_SECONDS)
        except TimeoutError:
            raise SlowPatternError from None
        return (match[self._group] or None) if match else None
