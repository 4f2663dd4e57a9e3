"""What a new run is to be, as far as it has been entered: pure, no disk but recipes."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from engine.core.errors import UserError
from engine.core.text import shell_word
from engine.recipe.recipe import change, load_recipe
from tui.cli.options import DEFAULT_RUNS
from tui.widgets.form_fields import form_fields, text_of


class Asked(NamedTuple):
    """A run as the command line asks for it; ``settings`` are texts of ``--set``, without a ``name`` it is made up."""

    data: Path
    source: str
    settings: tuple[str, ...]
    name: str | None


class FormState:
    """A preset or recipe file, and the keys that differ from it: the parts of ``vrdl-tui train``'s command line.

    ``recipe`` is complete and valid at any time: what is ``wrong`` is not in it. Raises UserError when the
    recipe ``source`` can't be read.
    """

    def __init__(self, source: str, data: Path | None) -> None:
        self.source = source
        self.data = data
        self.name = ""
        self.notes: list[str] = []
        """What was read otherwise than it is written in the recipe."""
        self.preset = load_recipe(source, note=self.notes.append)
        self.recipe = self.preset
        self._typed: dict[str, str] = {}
        self._kept: set[str] = set()
        self._wrong: dict[str, str] = {}

    @property
    def wrong(self) -> Mapping[str, str]:
        """What is the matter, by key."""
        return self._wrong

    @property
    def changed(self) -> dict[str, str]:
        """The typed texts of the keys that differ from the preset, in the recipe's order."""
        return {
            key: self._typed[key]
            for key in form_fields()
            if key in self._typed and (key in self._wrong or key in self._kept or self.differs(key))
        }

    def text(self, key: str) -> str:
        """Return a key's value as it was typed, or as the recipe has it."""
        return self._typed[key] if key in self._wrong else text_of(self.recipe, key)

    def differs(self, key: str) -> bool:
        """Say whether a key's value is another than the preset's."""
        return text_of(self.recipe, key) != text_of(self.preset, key)

    def problem_of(self, key: str, text: str) -> str:
        """Return what would be wrong with a key's text, or nothing."""
        try:
            change(self.recipe, key, text)
        except UserError as error:
            return str(error)
        return ""

    def put(self, key: str, text: str) -> None:
        """Set a key; what is wrong with it stands in ``wrong`` until that is mended."""
        self._typed[key] = text
        self._judge()

    def keep(self, key: str) -> None:
        """Set a key to what the recipe has, so that the command line names it: over the data folder's paths."""
        self._kept.add(key)
        self.put(key, text_of(self.preset, key))

    def undo(self, key: str) -> None:
        """Give a key the preset's value again."""
        self._typed.pop(key, None)
        self._kept.discard(key)
        self._judge()

    def take(self, source: str) -> None:
        """Take another recipe under the changes. Raises UserError when it can't be read."""
        notes: list[str] = []
        self.preset = load_recipe(source, note=notes.append)
        self.notes = notes
        self.source = source
        self._judge()

    def _judge(self) -> None:
        self.recipe, self._wrong = self.preset, {}
        # Twice: a key may only be right once a later one is set.
        for _ in range(2):
            for key, text in self._typed.items():
                try:
                    self.recipe = change(self.recipe, key, text)
                    self._wrong.pop(key, None)
                except UserError as error:
                    self._wrong[key] = str(error)

    def command(self, runs: Path) -> list[str]:
        """Return the words of the command line that starts the same run in the folder ``runs``."""
        words = ["vrdl-tui", "train", str(self.data or "DATA"), "--recipe", self.source]
        for key, text in self.changed.items():
            words += ["--set", f"{key}={text}"]
        words += ["--name", self.name] if self.name else []
        words += ["--runs", str(runs)] if runs != DEFAULT_RUNS else []
        return words

    def asked(self) -> Asked | None:
        """Return what is asked for, None before there is a data folder."""
        if self.data is None:
            return None
        settings = tuple(f"{key}={text}" for key, text in self.changed.items())
        return Asked(self.data, self.source, settings, self.name or None)


def shell_line(words: list[str]) -> str:
    """Return a command as a shell takes it."""
    return " ".join(map(shell_word, words))
