"""Counts of what is odd about images, so that each kind is one warning with an example."""

from pathlib import Path

from engine.core.text import count, printable


class Oddities:
    """Counts images by kind of oddity."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, Path]] = {}
        self._told: set[str] = set()

    def add(self, oddity: str, path: Path) -> None:
        """Count an image at ``path``."""
        number, first = self._found.get(oddity, (0, path))
        self._found[oddity] = number + 1, first

    def take(self, what: str) -> list[str]:
        """Return one line for each kind not taken yet: how many images of ``what``, and the first of them."""
        new = [oddity for oddity in self._found if oddity not in self._told]
        self._told.update(new)
        return [self._line(oddity, what) for oddity in new]

    def _line(self, oddity: str, what: str) -> str:
        number, first = self._found[oddity]
        return f"{count(number, f'{what} image')}: {oddity}; for example {printable(str(first), 300)}"
