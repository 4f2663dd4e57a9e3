"""Choosing the recipe under the form: a preset, or a file."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from engine.recipe.recipe import preset_names, presets_folder
from tui.screens.box import Box, TextBlock
from tui.widgets.look import MUTED, Glyphs, styled
from tui.widgets.menu import Choice, Menu
from tui.widgets.wrapping import wrap

FILE = ":file"
_WIDTH = 68


class RecipeScreen(Box[str]):
    """Gives back a preset's name, FILE for the wish to type a path, or nothing."""

    title_text = "recipe"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,ctrl+c,ctrl+q", "choose('')", show=False),
        Binding("f", f"choose('{FILE}')", show=False),
    ]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._names = preset_names()

    def content(self) -> ComposeResult:
        rows = [styled("What you changed in the form stays changed.", MUTED), Text()]
        widest = max(map(len, self._names))
        for name in self._names:
            for number, piece in enumerate(wrap(_about(name), _WIDTH - widest - 2)):
                rows.append(styled(f"{name if number == 0 else '':<{widest}}  {piece}", MUTED))
        yield TextBlock([*rows, Text()], id="above")
        choices = [Choice("", name, name) for name in self._names]
        yield Menu([*choices, Choice("f", "a file: the recipe.toml of a run, say", FILE)], self.glyphs)
        yield TextBlock([Text(), styled("arrows and Enter; esc leaves all as it is", MUTED)], id="below")

    def on_menu_chosen(self, message: Menu.Chosen) -> None:
        self.dismiss(message.value)

    def action_choose(self, value: str) -> None:
        self.dismiss(value)


def _about(name: str) -> str:
    """Return the sentence that the preset's file begins with."""
    lines = []
    for line in (presets_folder() / f"{name}.toml").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines)
