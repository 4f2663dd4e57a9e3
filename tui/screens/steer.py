"""What can be changed while a run goes on: its settings, and two ways to spare it a bad stretch."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key as KeyEvent

from engine.control.commands import AnyCommand, Rollback, Set, Skip
from engine.core.errors import UserError
from engine.recipe.recipe import LIVE_KEYS, Recipe, change, load_recipe, value_of
from engine.run.directory import RunDir
from tui.screens.box import Box, TextBlock
from tui.widgets.look import BAD, KEY, MUTED, STRONG, Glyphs, styled
from tui.widgets.menu import Choice, Menu
from tui.widgets.wrapping import wrap

_MEANINGS = {
    "optim.lr": "learning rate",
    "schedule.factor": "decay: learning rate *= this",
    "schedule.every": "decay after so many epochs without better",
    "schedule.patience": "stop after so many epochs without better",
    "schedule.plateau_patience": "plateau: bad epochs borne before a decay",
    "schedule.plateau_threshold": "plateau: relative gain that counts",
    "train.epochs": "at most so many epochs",
    "train.checkpoint_every": "epochs between two saves of last",
    "train.checkpoint_minutes": "minutes between two saves of last; 0: none",
    "train.predict": "write prediction.csv at the end",
}
_WIDTH = 66


def load_steering(run: RunDir, lr: float | None, glyphs: Glyphs) -> "SteerScreen | str":
    """Return the screen on a run's recipe as it is now, or why there is none.

    ``lr``: the learning rate in force, where the one that the recipe begins with has been decayed.
    """
    try:
        recipe = load_recipe(run.recipe)
        return SteerScreen(recipe if lr is None else change(recipe, "optim.lr", f"{lr:.6g}"), glyphs)
    except UserError as error:
        return glyphs.clean(str(error))


class SteerScreen(Box[AnyCommand | None]):
    """Gives back the command to send, its value judged by the recipe's own types, or nothing."""

    title_text = "steer"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", show=False),
        Binding("ctrl+c,ctrl+q", "dismiss", show=False),
        Binding("backspace", "erase", show=False),
        Binding("enter", "accept", show=False, priority=True),
    ]

    def __init__(self, recipe: Recipe, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._recipe = recipe
        self._editing = ""
        self._typed = ""

    def content(self) -> ComposeResult:
        plateau = self._recipe.schedule.kind == "plateau"
        keys = [key for key in LIVE_KEYS if plateau or "plateau" not in key]
        choices = [
            Choice("", f"{_MEANINGS[key]:<42} {self.glyphs.clean(value_of(self._recipe, key))}", key)
            for key in keys
        ]
        choices.append(Choice("", "go on from the best weights so far", "rollback"))
        choices.append(Choice("", "leave out the rest of this epoch: validate it now", "skip"))
        yield TextBlock(self._above(), id="above")
        yield Menu(choices, self.glyphs)
        yield TextBlock(self._below(""), id="below")

    def _above(self) -> list[Text]:
        if not self._editing:
            return [styled("arrows and Enter: change it while the run goes on", MUTED), Text()]
        typed = styled(f"{self._editing} = ", KEY).append(self.glyphs.clean(self._typed), STRONG)
        return [typed.append("_", MUTED), Text()]

    def _below(self, problem: str) -> list[Text]:
        rows = [styled(row, BAD) for row in wrap(self.glyphs.clean(problem), _WIDTH)] if problem else []
        word = "Enter sends it, esc goes back" if self._editing else "esc leaves all as it is"
        return [Text(), *rows, styled(word, MUTED)]

    def _say(self, problem: str = "") -> None:
        self.query_one("#above", TextBlock).say(self._above())
        self.query_one("#below", TextBlock).say(self._below(problem))

    def on_key(self, event: KeyEvent) -> None:
        if self._editing and event.character is not None and event.is_printable:
            event.stop()
            self._typed = (self._typed + event.character)[:40]
            self._say()

    def action_erase(self) -> None:
        self._typed = self._typed[:-1]
        self._say()

    def action_accept(self) -> None:
        if not self._editing:
            self.query_one(Menu).action_choose()
            return
        try:
            change(self._recipe, self._editing, self._typed.strip())
        except UserError as error:
            self._say(str(error))
            return
        self.dismiss(Set(key=self._editing, value=self._typed.strip()))

    def on_menu_chosen(self, message: Menu.Chosen) -> None:
        if message.value == "rollback":
            self.dismiss(Rollback())
        elif message.value == "skip":
            self.dismiss(Skip())
        else:
            self._editing, self._typed = message.value, value_of(self._recipe, message.value)
            self._say()

    def action_back(self) -> None:
        if self._editing:
            self._editing = ""
            self._say()
        else:
            self.dismiss(None)
