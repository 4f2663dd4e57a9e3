"""What was found under a data folder and is not used, or is probably a mistake."""

from dataclasses import asdict, dataclass
from typing import Any

from engine.core.text import count as counted
from engine.core.text import names, printable

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is left out or warned of.

    ``kind`` is a fixed word for programs, ``count`` how many files, folders or classes it concerns, ``text`` says it
    in words with the count, ``remedy`` is how to have it otherwise, and ``examples`` are names, relative to the data.
    """

    kind: str
    count: int
    text: str
    remedy: str = ""
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        aside = self.remedy or names(self.examples, self.count)
        return f"{self.text} ({aside})" if aside else self.text

    def to_json(self) -> dict[str, Any]:
        """Return the finding as an object for ``--json``; names are safe to show."""
        return asdict(self) | {"examples": [printable(name) for name in self.examples]}


class Tally:
    """Counts what is left out by kind, with the first names of each."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str, str], tuple[int, list[str]]] = {}

    def add(
        self, kind: str, singular: str, plural: str, example: str, *, remedy: str = "", count: int = 1
    ) -> None:
        """Count ``count`` of a kind; ``singular`` and ``plural`` follow the number in words."""
        key = (kind, singular, plural, remedy)
        number, examples = self._found.get(key, (0, []))
        if len(examples) < _SHOWN:
            examples.append(example)
        self._found[key] = (number + count, examples)

    def merge(self, other: "Tally") -> None:
        """Add what ``other`` has counted."""
        for (kind, singular, plural, remedy), (number, examples) in other._found.items():
            key = (kind, singular, plural, remedy)
            before, known = self._found.get(key, (0, []))
            self._found[key] = (before + number, (known + examples)[:_SHOWN])

    def findings(self) -> tuple[Finding, ...]:
        """Return the kinds in the order in which they were first met."""
        return tuple(
            Finding(kind, number, counted(number, singular, plural), remedy, tuple(examples))
            for (kind, singular, plural, remedy), (number, examples) in self._found.items()
        )
