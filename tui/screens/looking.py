"""What the screens that look into a run have in common: keys through their lists, the word on a request."""

from collections.abc import Callable

from rich.style import Style
from textual.binding import Binding, BindingType

from tui.screens.choosing import Choosing
from tui.widgets.look import Glyphs
from tui.widgets.requests import Requests

PAGES: list[BindingType] = [
    Binding("pageup", "page(-1)", show=False),
    Binding("pagedown,space", "page(1)", show=False),
    Binding("home,g", "end(-1)", show=False),
    Binding("end,G", "end(1)", show=False),
]
WAYS: list[BindingType] = [
    Binding("q,ctrl+c,ctrl+q", "leave", "Leave"),
    Binding("question_mark,f1", "help", "Help"),
    Binding("ctrl+p", "commands", "Commands"),
]
FAR = 1_000_000_000
"""Rows to the end of any list."""


class Looking(Choosing):
    """``_show`` draws the screen anew, the word on the last request with it."""

    _glyphs: Glyphs
    _clock: Callable[[], float]
    _requests: Requests

    def _show(self) -> None:
        raise NotImplementedError

    def _say(self, text: str, style: Style) -> None:
        self._requests.say(self._glyphs.clean(text), style, self._clock())
        self._show()
