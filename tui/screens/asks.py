"""What screens ask of a run's engine: each command is said, sent, and followed until it is answered."""

from collections.abc import Callable

from textual.dom import DOMNode

from engine.control.commands import AnyCommand
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tui.asking import ASKING
from tui.late import Late
from tui.widgets.requests import Request, Requests


class Asks(DOMNode):
    """The part of a screen that sends commands; ``_show`` draws the word on the newest one."""

    _clock: Callable[[], float]
    _requests: Requests

    @property
    def _state(self) -> RunState:
        """The run as the screen knows it."""
        raise NotImplementedError

    def _show(self) -> None:
        raise NotImplementedError

    def _ask(self, run: RunDir, command: AnyCommand, label: str) -> None:
        late, request = Late(self), self._requests.send(label, self._clock())
        ASKING.ask(run, command, lambda *answer: late(self._asked, request, *answer))
        self._show()

    def _asked(self, request: Request, identity: str, problem: str) -> None:
        now = self._clock()
        if problem:
            self._requests.not_sent(request, problem, now)
        else:
            request.identity = identity
            self._requests.hear(self._state, now)  # the engine may have been quicker
        self._show()
