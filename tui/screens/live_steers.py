"""What the live view asks of a run: the commands behind its keys, and an engine to go on with it."""

from typing import TYPE_CHECKING

from rich.style import Style
from textual import work

from engine.control.commands import AnyCommand, Checkpoint, Pause, Resume, Set, Stop, command_name
from engine.journal.state import RunState, Status
from tui import link
from tui.late import Late
from tui.screens.asks import Asks
from tui.screens.live_start import EngineStart, why_not_resumed
from tui.widgets.look import BAD, GOOD, KEY, MUTED, WARN, Glyphs

if TYPE_CHECKING:
    from tui.link import Model, Source


class LiveSteers(Asks):
    """The part of the screen that steers: each command is said, sent, and followed until it is answered."""

    follower: "Source"
    _glyphs: Glyphs
    _alive: bool
    _start: EngineStart

    @property
    def _model(self) -> "Model":
        return self.follower.model

    @property
    def _state(self) -> RunState:
        return self._model.state

    @property
    def status(self) -> Status:
        raise NotImplementedError

    def _say(self, text: str, style: Style) -> None:
        self._requests.say(text, style, self._clock())
        self._show()

    def _send(self, command: AnyCommand, label: str) -> None:
        if not self._alive:
            hint = "; r resumes the run" if self.status in ("stopped", "interrupted", "failed") else ""
            self._say(f"{label}: no engine is running{hint}", WARN)
            return
        self._ask(self.follower.run, command, label)

    def action_pause(self) -> None:
        if self._model.state.paused is not None and self._alive:
            self._send(Resume(), "resume")
        else:
            self._send(Pause(), "pause")

    def action_checkpoint(self) -> None:
        self._send(Checkpoint(), "checkpoint")

    def action_stop(self, after_epoch: bool) -> None:
        self._send(Stop(after_epoch=after_epoch), "stop after this epoch" if after_epoch else "stop")

    def action_steer(self) -> None:
        if self._alive:
            self._open_steering()
        else:
            self._say("steer: no engine is running", WARN)

    @work(thread=True)
    def _open_steering(self) -> None:
        """In a thread, for what judges settings takes a moment to import."""
        from tui.screens.steer import load_steering

        opened = load_steering(self.follower.run, self._model.state.lr, self._glyphs)
        if isinstance(opened, str):
            Late(self)(self._say, opened, BAD)
        else:
            Late(self)(self.app.push_screen, opened, self._steered)

    def _steered(self, command: AnyCommand | None) -> None:
        if command is not None:
            self._send(command, command.key if isinstance(command, Set) else command_name(command))

    def action_resume(self) -> None:
        if self._start.under_way:
            self._say(f"the engine is being started{self._glyphs.ellipsis}", KEY)
        elif why_not := why_not_resumed(self._model.state, self.status, alive=self._alive):
            self._say(why_not, MUTED)
        else:
            self._start.begin(self._model.state, self._clock())
            self._say(f"resume requested{self._glyphs.ellipsis}", KEY)
            self._start_engine()

    @work(thread=True)
    def _start_engine(self) -> None:
        Late(self)(self._engine_started, link.start(self.follower.run))

    def _engine_started(self, problem: str) -> None:
        if problem:
            self._start.end()
            self._say(self._glyphs.clean(problem), BAD)
        else:
            self._say("the engine is started; it goes on from the last checkpoint", GOOD)
            self.follower.look_now()
