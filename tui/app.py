"""The console: one App over the run screens. What a run is and does is the engine's; here it is shown."""

import time
from collections.abc import Callable
from pathlib import Path

from textual.app import App
from textual.filter import Monochrome, NoColor
from textual.screen import Screen

from engine.rundir import RunDir
from tui.link import Follower
from tui.screens.live import LiveScreen
from tui.widgets.look import ASCII, THEME, UNICODE


class ConsoleApp(App[int]):
    """Opens a run's live view, or the list of runs. ``run()`` gives 1 for a run left failed, else 0."""

    # All here: the first screen of an app is shown without its own stylesheet being read.
    CSS_PATH = ["styles/live.tcss", "styles/runs.tcss", "styles/box.tcss"]  # noqa: RUF012
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self, runs: Path, run: RunDir | None, ascii: bool = False, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self.runs = runs
        self.left_run = run
        self.glyphs = ASCII if ascii else UNICODE
        self._clock = clock
        self._first = self._follow(run) if run is not None else None
        if self.no_color:
            # Textual turns colours into greys; who sets NO_COLOR wants none of either.
            self._filters = [NoColor() if isinstance(one, Monochrome) else one for one in self._filters]
        self.register_theme(THEME)
        self.theme = THEME.name

    @staticmethod
    def _follow(run: RunDir) -> Follower:
        follower = Follower(run)
        follower.start()
        return follower

    def get_default_screen(self) -> Screen[None]:
        if self._first is not None:
            return LiveScreen(self._first, self.glyphs, self._clock)
        return self._runs_screen()

    def _runs_screen(self) -> Screen[None]:
        from tui.screens.runs import RunsScreen

        return RunsScreen(self.runs, self.left_run, self.glyphs, self._clock)

    def open_run(self, run: RunDir) -> None:
        self.left_run = run
        self.switch_screen(LiveScreen(self._follow(run), self.glyphs, self._clock))

    def action_show_runs(self) -> None:
        self.switch_screen(self._runs_screen())
