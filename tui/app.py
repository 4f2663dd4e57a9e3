"""The console: one App over the run screens. What a run is and does is the engine's; here it is shown."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Event, InputEvent
from textual.filter import Monochrome, NoColor
from textual.screen import Screen

from engine.run.directory import RunDir
from engine.run.notify import Ending, Settings
from tui.endings import Endings
from tui.key_order import KeyOrder
from tui.link import Follower
from tui.loaded import Loaded
from tui.preload import preload
from tui.screens.live import LiveScreen
from tui.screens.whole import Whole
from tui.settings import Memory
from tui.steady import SteadyDriver
from tui.theme_names import THEME_NAMES, ThemeName
from tui.themes import textual_theme
from tui.widgets.look import ASCII, UNICODE

if TYPE_CHECKING:
    from tui.screens.runs import RunsScreen
    from tui.widgets.run_list import RunList

_STANDING = 0.3
"""Seconds after which a screen that was opened has imported and made what it needs."""
_TIDY = 5.0
"""Seconds from one look whether nobody types to the next."""


class ConsoleApp(KeyOrder):
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
        super().__init__(SteadyDriver)
        self.runs = runs
        self.left_run = run
        self.glyphs = ASCII if ascii else UNICODE
        self._clock = clock
        self._replay = replay
        self._problem = problem
        self._settings = settings or Settings()
        self._endings = Endings(runs, self._settings.notify.command, self._tell_later, self._note_from_thread)
        self._first = self._follow(run) if run is not None and replay is None else None
        if self.no_color:
            # Textual turns colours into greys; who sets NO_COLOR wants none of either.
            self._filters = [NoColor() if isinstance(one, Monochrome) else one for one in self._filters]
        self._memory = memory or Memory()
        self._loaded: Loaded | None = None
        for name in THEME_NAMES:
            self.register_theme(textual_theme(name))
        # Without the watcher: nothing is on screen yet that would have to be styled anew.
        self.set_reactive(App.theme, self._memory.layout.theme)
        self.stylesheet.set_variables(self.get_css_variables())

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """Return the screens that are seen through the one on top.

        Textual counts the one below a screen that nothing is seen through too, and draws the upper one anew, all of
        it, whenever anything changes on the lower: over a slow line the console would be seconds behind.
        """
        return [] if isinstance(self.screen, Whole) else super()._background_screens

    def _follow(self, run: RunDir) -> Follower:
        self._endings.watch(run)
        follower = Follower(run)
        follower.start()
        return follower

    def on_mount(self) -> None:
        self._loaded = loaded = Loaded()
        self.set_interval(_TIDY, loaded.tidy)
        self.screen_change_signal.subscribe(self, lambda _: self.set_timer(_STANDING, loaded.keep))
        self.set_timer(_STANDING, lambda: preload(lambda: self.call_later(loaded.keep)))
        streams = (sys.__stdin__, sys.__stderr__)
        if not self.is_headless:
            arguments = tuple(stream.fileno() for stream in streams if stream is not None)
            threading.Thread(target=_end_with_terminal, args=arguments, name="hangup", daemon=True).start()
        self._endings.start()
        if self._problem:
            self.notify(self.glyphs.clean(self._problem), severity="warning", timeout=10, markup=False)
        if self.left_run is not None and self._replay is not None:
            self._open_replay(self.left_run, self._replay)
        elif self._first is not None:
            self.push_screen(self._live_screen(self._first))
        else:
            self.push_screen(self._runs_screen())

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent) and self._loaded is not None:
            self._loaded.touched()
        await super().on_event(event)

    def _open_replay(self, run: RunDir, speed: float) -> None:
        from tui.screens.replay import ReplayScreen

        self.push_screen(ReplayScreen(run, speed, self.glyphs, self._memory))

    def _runs_screen(self) -> Screen[None]:
        from tui.screens.runs import RunsScreen

        return RunsScreen(self.runs, self.left_run, self.glyphs, self._clock, self._memory)

    def on_run_list_opened(self, message: "RunList.Opened") -> None:
        self.left_run = message.run
        self.switch_screen(self._live_screen(self._follow(message.run)))

    def _live_screen(self, follower: Follower) -> LiveScreen:
        return LiveScreen(follower, self.glyphs, self._clock, self._memory)

    def on_live_screen_ended(self, message: LiveScreen.Ended) -> None:
        self._endings.tell(message.end)

    def _tell_later(self, end: Ending) -> None:
        self.call_later(self._tell, end)

    def _tell(self, end: Ending) -> None:
        from tui.notify import announce

        announce(end, self._settings.notify, self._to_terminal)

    def on_unmount(self) -> None:
        self._memory.close()
        self._endings.stop()

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


def _end_with_terminal(*fds: int) -> None:
    """End the process when the terminal it reads or draws on hangs up, also where no signal says so.

    At once, not by the app's own way out: reading from such a terminal spins, and what is written to it piles up
    until the event loop waits for good. There is nothing to save: the run is the engine's.
    """
    poll = select.poll()
    for fd in fds:
        poll.register(fd, 0)
    if any(event & select.POLLHUP for _, event in poll.poll()):
        os._exit(128 + signal.SIGHUP)
