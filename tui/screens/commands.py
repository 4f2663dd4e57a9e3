"""The command palette: every action that can be done now, found by typing."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key as KeyEvent

from tui.screens.box import Box, TextBlock
from tui.theme_names import THEME_NAMES
from tui.widgets.keys import Key
from tui.widgets.look import KEY, MUTED, STRONG, Glyphs, styled
from tui.widgets.menu import Choice, Menu

_LONG = {
    "pause": "pause the training, or go on",
    "checkpoint": "save a checkpoint now",
    "predict": "export the test-set prediction",
    "predictions": "predictions: the test images and how sure",
    "cancel": "cancel the prediction that is under way",
    "resume": "resume the run from its last checkpoint",
    "outliers": "outliers: the images left out",
    "matrix": "matrix: which classes are taken for which",
    "panel": "show pictures, confused pairs, or classes",
    "norm": "show images, or shares of row or column",
    "which": "show the newest matrix, or the best weights'",
    "image(1)": "next image",
    "image(-1)": "previous image",
    "steer": "steer: change settings, roll back, end the epoch",
    "log": "show or hide the log",
    "zoom(1)": "full screen: accuracy and loss (1 to 6: each panel)",
    "focused.search": "search the log",
    "focused.find(1)": "go to the next line found",
    "focused.kinds": "show all of the log, warnings, commands, training",
    "focused.engine_log": "show engine.log, or what happened",
    "classes": "accuracy of each class, or the matrix",
    "focused.recent": "all epochs, or the newest",
    "focused.curves": "accuracy, loss, both, learning rate",
    "focused.log": "logarithmic axis",
    "focused.smooth": "smooth the curves",
    "focused.zoom(1)": "zoom in",
    "focused.zoom(-1)": "zoom out",
    "focused.cursor(1)": "move the cursor",
    "focused.reset": "show all of it again",
    "focused.scroll_page(1)": "scroll a page",
    "replay": "replay the run as it happened",
    "seek(0.05)": "go on by 5 % of the run (left: back)",
    "seek_typed": "go to a percentage of the run",
    "speed(1)": "faster",
    "speed(-1)": "slower",
    "back": "go back to the list of runs",
    "help": "help: all the keys",
    "quit_menu": "quit: detach or stop",
    "open": "open the run under the cursor",
    "curve(1)": "show the next curve",
    "differences": "show the runs, or what their recipes differ in",
    "export": "export what is shown to files",
    "filter": "filter the runs",
    "sort": "sort by the next column",
    "reverse": "invert the order",
    "mark": "mark the run, or take its mark away",
    "mark_all": "mark all runs that are shown",
    "compare": "compare the marked runs",
    "stop": "stop the run",
    "rename": "rename the run",
    "tags": "change the tags",
    "note": "write a note",
    "trash": "move to the trash",
    "undo": "bring back what was thrown away last",
    "leave": "leave vrdl-tui",
    "new_run(False)": "new run: data, recipe, model, start",
    "new_run(True)": "new run like the one under the cursor",
    "models": "models: timm's, with figures and weights here",
}


class CommandsScreen(Box[str]):
    """Gives back the action chosen, or nothing."""

    title_text = "commands"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+p,ctrl+c,ctrl+q", "close", show=False),
        Binding("backspace", "erase", show=False),
    ]

    def __init__(self, offered: list[Key], alive: bool, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._all = [Choice(key.key, _LONG[key.action], key.action) for key in offered if key.action in _LONG]
        if alive:
            self._all[-1:-1] = [
                Choice("q s", "stop now, with a checkpoint", "stop(False)"),
                Choice("q e", "stop after this epoch", "stop(True)"),
            ]
        self._all.append(Choice("T", "theme: the next one", "app.next_theme"))
        self._themes = [Choice("T", f"theme: {name}", f"app.theme('{name}')") for name in THEME_NAMES]
        self._typed = ""

    def content(self) -> ComposeResult:
        yield TextBlock(self._prompt(), id="above")
        yield Menu(self._all, self.glyphs)
        yield TextBlock(
            [Text(), styled("type to find, arrows and Enter to do, esc to leave", MUTED)], id="below"
        )

    def _prompt(self) -> list[Text]:
        typed = styled("> ", KEY).append(self.glyphs.clean(self._typed), STRONG)
        return [typed.append("_", MUTED), Text()]

    def on_key(self, event: KeyEvent) -> None:
        if event.character is not None and event.is_printable:
            event.stop()
            self._type(self._typed + event.character)

    def action_erase(self) -> None:
        self._type(self._typed[:-1])

    def _type(self, typed: str) -> None:
        self._typed = typed[:40]
        words = self._typed.lower().split()
        self.query_one("#above", TextBlock).say(self._prompt())
        # All of the themes only for who looks for one: the list has to fit a small screen.
        offered = [*self._all, *self._themes] if words else self._all
        self.query_one(Menu).offer(
            [one for one in offered if all(word in one.label.lower() for word in words)]
        )

    def on_menu_chosen(self, message: Menu.Chosen) -> None:
        self.dismiss(message.value)

    def action_close(self) -> None:
        self.dismiss("")
