"""The console: one App over the run screens. What a run is and does is the engine's; here it is shown."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import Monochrome, NoColor
from textual.screen import Screen

from engine.rundir import RunDir
from tui.link import Follower
from tui.screens.live import LiveScreen
from tui.settings import Memory, Settings
from tui.terse import TerseDriver
from tui.theme_names import THEME_NAMES, ThemeName
from tui.themes import textual_theme
from tui.widgets.look import ASCII, UNICODE

if TYPE_CHECKING:
    from tui.screens.runs import RunsScreen
    from tui.widgets.run_list import RunList


class ConsoleApp(App[int]):
    """Opens a run's live view, or the list of runs. ``run()`` gives 1 for a run left failed, else 0."""

    # A stylesheet of a screen's own is read when it is first shown, and has everything styled twice.
    CSS_PATH = "styles/live.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("T", "next_theme", "Theme", show=False)]

    def __init__(
        self,
        runs: Path,
        run: RunDir | None,
        ascii: bool = False,
        *,
        clock: Callable[[], float] = time.time,
        settings: Settings | None = None,
        memory: Memory | None = None,
        problem: str = "",
        replay: float | None = None,
    ) -> None:
        """``problem``: a word about the person's own files, said at once; ``replay``: at what speed to replay."""
        super().__init__(driver_class=TerseDriver)
        self.runs = runs
        self.left_run = run
        self.glyphs = ASCII if ascii else UNICODE
        self._clock = clock
        self._replay = replay
        self._problem = problem
        self._first = self._follow(run) if run is not None and replay is None else None
        if self.no_color:
            # Textual turns colours into greys; who sets NO_COLOR wants none of either.
            self._filters = [NoColor() if isinstance(one, Monochrome) else one for one in self._filters]
        self._settings = settings or Settings()
        self._memory = memory or Memory()
        for name in THEME_NAMES:
            self.register_theme(textual_theme(name))
        # Without the watcher: nothing is on screen yet that would have to be styled anew.
        self.set_reactive(App.theme, self._memory.layout.theme)
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
        if self._problem:
            self.notify(self.glyphs.clean(self._problem), severity="warning", timeout=10, markup=False)
        if self.left_run is not None and self._replay is not None:
            self._open_replay(self.left_run, self._replay)
        elif self._first is not None:
            self.push_screen(self._live_screen(self._first))
        else:
            self.push_screen(self._runs_screen())

    def _open_replay(self, run: RunDir, speed: float) -> None:
        from tui.screens.replay import ReplayScreen

        self.push_screen(ReplayScreen(run, speed, self.glyphs))

    def _runs_screen(self) -> Screen[None]:
        from tui.screens.runs import RunsScreen

        return RunsScreen(self.runs, self.left_run, self.glyphs, self._clock)

    def on_run_list_opened(self, message: "RunList.Opened") -> None:
        self.left_run = message.run
        self.switch_screen(self._live_screen(self._follow(message.run)))

    def _live_screen(self, follower: Follower) -> LiveScreen:
        return LiveScreen(follower, self.glyphs, self._clock, log=self._memory.layout.log)

    def on_live_screen_log_turned(self, message: LiveScreen.LogTurned) -> None:
        self._memory.keep(log=message.shown)

    def on_live_screen_ended(self, message: LiveScreen.Ended) -> None:
        from tui.notify import announce

        announce(message.end, self._settings.notify, self._to_terminal, self._note_from_thread)

    def _to_terminal(self, sequence: str) -> None:
        # By the way of all that is drawn, in order with it.
        if self._driver is not None:
            self._driver.write(sequence)

    def _note_from_thread(self, text: str) -> None:
        self.call_later(self._note, text)

    def _note(self, text: str) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, LiveScreen):
                screen.note(text)

    def action_theme(self, name: ThemeName) -> None:
        self.theme = name
        self._memory.keep(theme=name)

    def action_next_theme(self) -> None:
        self.action_theme(THEME_NAMES[(THEME_NAMES.index(self._memory.layout.theme) + 1) % len(THEME_NAMES)])

    def on_runs_screen_compare(self, message: "RunsScreen.Compare") -> None:
        from tui.screens.compare import CompareScreen

        self.push_screen(CompareScreen(message.runs, self.glyphs, self._clock))

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
