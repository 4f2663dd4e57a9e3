"""Commands that were sent and the words about them: requested, done, refused, no answer yet."""

from dataclasses import dataclass, field

from rich.style import Style

from engine.journal.events import CommandRejected
from engine.journal.state import RunState
from tui.widgets.look import BAD, GOOD, KEY, WARN, Glyphs

_PATIENCE = 8.0
_SHOWN = 8.0


@dataclass(slots=True, eq=False)
class Request:
    label: str
    sent_at: float
    identity: str = ""
    """What its answer will carry; empty until the command is written."""


@dataclass(slots=True)
class Requests:
    """What the notice row says about the newest command, until it has been read."""

    glyphs: Glyphs
    _waiting: list[Request] = field(default_factory=list)
    _text: str = ""
    _style: Style = KEY
    _until: float = 0.0

    def send(self, label: str, now: float) -> Request:
        """Begin a request, whose command is being written from now on."""
        request = Request(label, now)
        self._waiting.append(request)
        return request

    def not_sent(self, request: Request, problem: str, now: float) -> None:
        """End a request whose command can't be written."""
        if request in self._waiting:
            self._waiting.remove(request)
        self.say(f"{request.label}: {self.glyphs.clean(problem)}", BAD, now)

    def say(self, text: str, style: Style, now: float) -> None:
        """Say something of our own: why a command was not sent, what came of one."""
        self._text, self._style, self._until = text, style, now + _SHOWN

    def hear(self, state: RunState, now: float) -> None:
        """Match the engine's answers to what was asked."""
        for request in list(self._waiting):
            answer = state.answer(request.identity) if request.identity else None
            if answer is None:
                continue
            self._waiting.remove(request)
            if isinstance(answer, CommandRejected):
                self.say(f"{request.label} refused: {self.glyphs.clean(answer.reason)}", BAD, now)
            else:
                self.say(f"{request.label}: {self.glyphs.clean(answer.detail) or 'done'}", GOOD, now)

    def engine_gone(self, now: float) -> None:
        """Nobody will answer any more, and how the run ended is worth more than what was said before."""
        self._until = 0.0
        if self._waiting:
            self.say(f"{self._waiting[-1].label}: the engine ended without an answer", WARN, now)
            self._waiting.clear()

    def word(self, now: float) -> tuple[str, Style] | None:
        """Return what to say now; None when there is nothing (any more)."""
        if self._waiting:
            request = self._waiting[-1]
            waited = now - request.sent_at
            if waited < _PATIENCE:
                return f"{request.label} requested{self.glyphs.ellipsis}", KEY
            return f"{request.label}: no answer yet, asked {waited:.0f} s ago", WARN
        return (self._text, self._style) if now < self._until else None
