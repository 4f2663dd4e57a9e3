"""One panel of the live view over the whole screen."""

from collections.abc import Callable, Collection
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.screens.choosing import Choosing
from tui.screens.whole import Whole
from tui.screens.zoom_help import help_for
from tui.settings import Memory
from tui.widgets.confusion import Confusion
from tui.widgets.header import Header
from tui.widgets.keys import Key, Keys
from tui.widgets.per_class import PerClass
from tui.widgets.plot_view import PLOT_KEYS, PlotView
from tui.widgets.system import System
from tui.widgets.view import View
from tui.widgets.zoom_rows import ZoomRows, early_stop_rows, outlier_rows

PANELS = ("accuracy", "learning-rate", "early-stop", "confusion", "outliers", "system")
"""The ids of the live view's panels, in the order of their keys: 1 is the first."""
_MAKERS: dict[str, Callable[[Memory], Widget]] = {
    "accuracy": lambda memory: PlotView("both", memory),
    "learning-rate": lambda memory: PlotView("learning rate", memory),
    "early-stop": lambda _: early_stop_rows(),
    "confusion": lambda _: Confusion(id="confusion"),
    "outliers": lambda _: outlier_rows(),
    "system": lambda _: System(id="system"),
}


class ZoomScreen(Choosing, Whole[str]):
    """Its live view hands it the run's state with ``show_run``; gives back an action of the live view, or "".

    With ``per_class`` the confusion panel begins with the accuracy of each class. ``barred``: actions that the live
    view below doesn't take.
    """

    CSS_PATH = "../styles/zoom.tcss"
    AUTO_FOCUS = ".zoomed"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"panel({number})", show=False) for number in range(1, len(PANELS) + 1)),
        Binding("z", f"panel({len(PANELS)})", "System"),
        Binding("a", "classes", "Accuracy by class"),
        Binding("m", "matrix", "Matrix"),
        Binding("escape,b,enter", "back", "Back"),
        Binding("q,ctrl+q,ctrl+c", "leave", "Leave"),
        Binding("question_mark,f1", "help", "Help"),
        Binding("ctrl+p", "commands", "Commands"),
    ]

    def __init__(
        self,
        number: int,
        name_of_run: str,
        view: View,
        memory: Memory | None = None,
        *,
        per_class: bool = False,
        barred: Collection[str] = (),
    ) -> None:
        super().__init__()
        self._memory = memory or Memory()
        self._number = number
        self._panel = PANELS[number - 1]
        self._name_of_run = name_of_run
        self._view = view
        self._per_class = per_class
        self._barred = barred
        self.set_class(view.glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        yield Header(self._name_of_run)
        self._shown = [_MAKERS[self._panel](self._memory)]
        if self._panel == "confusion":
            self._shown.append(PerClass(self._view.glyphs))
        for one in self._shown:
            one.add_class("zoomed")
            yield one
        yield Keys()

    def on_mount(self) -> None:
        self._turn()

    def show_run(self, view: View) -> None:
        """Show the run as it is now."""
        self._view = view
        header = self.query_one(Header)
        header.score(view)
        header.show_run(view)
        for one in self._shown:
            assert isinstance(one, PlotView | ZoomRows | Confusion | PerClass | System)
            one.show_run(view)

    def _turn(self) -> None:
        """Show the panel, or the classes in its place."""
        if self._panel == "confusion":
            matrix, classes = self._shown
            matrix.display, classes.display = not self._per_class, self._per_class
            self.set_focus(classes if self._per_class else None)
        self.query_one(Keys).offer(self._offered())
        self.show_run(self._view)

    def _offered(self) -> list[Key]:
        keys: list[Key] = []
        if self._panel in ("accuracy", "learning-rate"):
            keys += PLOT_KEYS
        elif self._panel == "confusion":
            keys.append(Key("a", "matrix" if self._per_class else "by class", "classes"))
            if "matrix" not in self._barred:
                keys.append(Key("m", "explore", "matrix"))
        if self._panel in ("early-stop", "outliers") or self._per_class:
            keys.append(Key("arrows", "scroll", "focused.scroll_page(1)"))
        return [
            *keys,
            Key("esc", "back", "back"),
            Key("?", "help", "help"),
            Key("^p", "commands", "commands"),
        ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out what closing this screen would not lead to."""
        return action not in self._barred and super().check_action(action, parameters)

    # what the keys do

    def action_panel(self, number: int) -> None:
        """Go to another panel's full screen, or back from this one's."""
        self.dismiss("" if number == self._number else f"zoom({number})")

    def action_classes(self) -> None:
        if self._panel == "confusion":
            self._per_class = not self._per_class
            self._turn()

    def action_matrix(self) -> None:
        self.dismiss("matrix")

    def action_back(self) -> None:
        self.dismiss("")

    def action_leave(self) -> None:
        self.dismiss("quit_menu")

    def action_help(self) -> None:
        explores = "matrix" not in self._barred
        self.app.push_screen(help_for(self._panel, self._view.glyphs, explores=explores))

    def action_commands(self) -> None:
        from tui.screens.commands import CommandsScreen

        self.app.push_screen(CommandsScreen(self._offered(), False, self._view.glyphs), self._command_chosen)
