"""The console: one App over the run screens. What a run is and does is the engine's; here it is shown."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App
from textual.filter import Monochrome, NoColor
from textual.screen import Screen

from engine.rundir import RunDir
from tui.link import Follower
from tui.screens.live import LiveScreen
from tui.terse import TerseDriver
from tui.widgets.look import ASCII, THEME, UNICODE

if TYPE_CHECKING:
    from tui.widgets.run_list import RunList


class ConsoleApp(App[int]):
    """Opens a run's live view, or the list of runs. ``run()`` gives 1 for a run left failed, else 0."""

    # A stylesheet of a screen's own is read when it is first shown, and has everything styled twice.
    CSS_PATH = "styles/live.tcss"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self, runs: Path, run: RunDir | None, ascii: bool = False, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(driver_class=TerseDriver)
        self.runs = runs
        self.left_run = run
        self.glyphs = ASCII if ascii else UNICODE
        self._clock = clock
        self._first = self._follow(run) if run is not None else None
        if self.no_color:
            # Textual turns colours into greys; who sets NO_COLOR wants none of either.
            self._filters = [NoColor() if isinstance(one, Monochrome) else one for one in self._filters]
        self.register_theme(THEME)
        # Without the watcher: nothing is on screen yet that would have to be styled anew.
        self.set_reactive(App.theme, THEME.name)
        self.stylesheet.set_variables(self.get_css_variables())

    @staticmethod
    def _follow(run: RunDir) -> Follower:
        follower = Follower(run)
        follower.start()
        return follower

    def on_mount(self) -> None:
        if not self.is_headless and sys.__stdin__ is not None:
            arguments = (sys.__stdin__.fileno(),)
            threading.Thread(target=_end_with_terminal, args=arguments, name="hangup", daemon=True).start()
        if self._first is not None:
            self.push_screen(LiveScreen(self._first, self.glyphs, self._clock))
        else:
            self.push_screen(self._runs_screen())

    def _runs_screen(self) -> Screen[None]:
        from tui.screens.runs import RunsScreen

        return RunsScreen(self.runs, self.left_run, self.glyphs, self._clock)

    def on_run_list_opened(self, message: "RunList.Opened") -> None:
        self.left_run = message.run
        self.switch_screen(LiveScreen(self._follow(message.run), self.glyphs, self._clock))

    def on_live_screen_left(self) -> None:
        self.switch_screen(self._runs_screen())


def _end_with_terminal(fd: int) -> None:
    """End the process when its terminal hangs up, also where no signal says so.

    At once, not by the app's own way out: reading from such a terminal spins, and what is written to it piles up
    until the event loop waits for good. There is nothing to save: the run is the engine's.
    """
    poll = select.poll()
    poll.register(fd, 0)
    if any(event & select.POLLHUP for _, event in poll.poll()):
        os._exit(128 + signal.SIGHUP)
