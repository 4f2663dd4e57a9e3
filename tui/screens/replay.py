"""A run that is over, played back in the live view; nothing here reaches the run itself."""

from collections.abc import Collection
from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from engine.control.commands import AnyCommand
from engine.core.errors import UserError
from engine.run.directory import RunDir
from tui.play_clock import PlayClock
from tui.replay import Replay
from tui.screens.live import LiveScreen
from tui.settings import Memory
from tui.widgets.keys import Key
from tui.widgets.log import Log
from tui.widgets.look import WARN, Glyphs
from tui.widgets.replay_bar import ReplayBar
from tui.widgets.stood import stood
from tui.widgets.view import View

_BEAT = 0.25
_STEP = 0.05
_NO_COMMANDS = "a replay takes no commands; b goes back to the run"


class ReplayScreen(LiveScreen):
    """The live view, fed by a clocked reader; a row above it says where the clock stands."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the log, which would scroll.
        Binding("space", "pause", "Play or pause", priority=True),
        Binding("left", f"seek(-{_STEP})", "Back"),
        Binding("right", f"seek({_STEP})", "Forward"),
        Binding("home", "seek_to(0.0)", "Start"),
        Binding("end", "seek_to(1.0)", "End"),
        Binding("colon", "seek_typed", "Go to a percentage"),
        # Over a plot that fills the screen, + and - zoom.
        Binding("plus,greater_than_sign", "speed(1)", "Faster"),
        Binding("minus,less_than_sign", "speed(-1)", "Slower"),
    ]
    barred: ClassVar[Collection[str]] = {
        "checkpoint", "predict", "predictions", "resume", "steer", "outliers", "matrix", "stop", "replay",
    }  # fmt: skip

    def __init__(self, run: RunDir, speed: float, glyphs: Glyphs, memory: Memory | None = None) -> None:
        self._play = PlayClock(speed)
        super().__init__(Replay(run, self._play), glyphs, self._play.now, memory)

    def compose(self) -> ComposeResult:
        yield ReplayBar(self._play, self._glyphs)
        yield from super().compose()

    def on_mount(self) -> None:
        self.follower.start()
        super().on_mount()
        self.set_interval(_BEAT, self.query_one(ReplayBar).draw)

    def _collect(self) -> None:
        before = self._model
        super()._collect()
        if self._model is not before:
            self._log_stale = True
            if self.query_one(Log).display:
                self._fill_log()

    def _offered(self, *, log: bool) -> list[Key]:
        keys = [
            Key("space", "pause" if self._play.playing else "play", "pause"),
            Key("arrows", "seek", f"seek({_STEP})"),
            Key(":", "go to %", "seek_typed"),
            Key("+", "faster", "speed(1)"),
            Key("-", "slower", "speed(-1)"),
            Key("l", "panels" if log else "log", "log"),
        ]
        return [*keys, Key("b", "back", "back"), Key("?", "help", "help"), Key("q", "leave", "quit_menu")]

    def _standing(self, view: View) -> tuple[str, Style]:
        return stood(view)

    # what the keys do

    def _moved(self) -> None:
        self.follower.look_now()
        self.query_one(ReplayBar).draw()
        self._show()

    def action_pause(self) -> None:
        self._play.turn()
        self._moved()

    def action_seek(self, by: float) -> None:
        self.action_seek_to(self._play.share + by)

    def action_seek_to(self, share: float) -> None:
        self._play.seek(share)
        self._moved()

    def action_seek_typed(self) -> None:
        from tui.screens.runs_entry import EntryScreen

        what = ["Percent of the run, 0 to 100:"]
        self.app.push_screen(EntryScreen("go to", what, "", share, self._glyphs), self._seek_typed)

    def _seek_typed(self, typed: str | None) -> None:
        if typed is not None:
            self.action_seek_to(share(typed))

    def action_speed(self, steps: int) -> None:
        self._play.change_speed(steps)
        self._moved()

    def on_replay_bar_sought(self, message: ReplayBar.Sought) -> None:
        self.action_seek_to(message.share)

    def on_live_screen_ended(self, message: LiveScreen.Ended) -> None:
        message.stop()  # it ended long ago

    def _say(self, text: str, style: Style) -> None:
        # Words that stay for some seconds stay for some of the run's here, which may be no time at all.
        self.notify(text, severity="warning" if style == WARN else "information", markup=False)

    def _send(self, command: AnyCommand, label: str) -> None:
        self._say(f"{label}: {_NO_COMMANDS}", WARN)

    def action_help(self) -> None:
        from tui.screens.replay_help import ReplayHelpScreen

        self.app.push_screen(ReplayHelpScreen(self._glyphs))

    def action_commands(self) -> None:
        from tui.screens.commands import CommandsScreen

        # alive False: nothing can be stopped here
        self.app.push_screen(
            CommandsScreen(self._offered(log=False), False, self._glyphs), self._command_chosen
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out what steers a run, or needs more of it than its journal."""
        return action not in self.barred and super().check_action(action, parameters)

    def action_back(self) -> None:
        if len(self.app.screen_stack) > 2:
            self.app.pop_screen()
        else:
            super().action_back()

    def action_quit_menu(self) -> None:
        self.app.exit(0)


def share(percent: str) -> float:
    """Return the share, 0 to 1, that a percentage is as text. Raises UserError."""
    try:
        number = float(percent)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise UserError("a number from 0 to 100")
    return number / 100
