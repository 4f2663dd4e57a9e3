"""Run a session in this process while a script on a thread watches the journal and sends commands."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.control.commands import AnyCommand, Stop, send
from engine.journal.events import AnyEvent, CommandAccepted, CommandRejected
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.run.directory import RunDir
from engine.training.session import Session

_PATIENCE = 60.0


@dataclass
class Watcher:
    """Follows a run; ``events`` are all that came so far."""

    run: RunDir
    state: RunState = field(default_factory=RunState)
    events: list[AnyEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = JournalReader(self.run.journal)

    def look(self) -> None:
        for event in self._reader.read():
            self.events.append(event)
            self.state.apply(event)

    def until(self, condition: Callable[[RunState], object]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition(self.state):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {_PATIENCE} s in vain")
            time.sleep(0.002)
            self.look()

    def ask(self, command: AnyCommand) -> CommandAccepted | CommandRejected:
        """Send a command and return the engine's answer."""
        identity = send(self.run.commands, command)
        self.until(lambda state: state.answer(identity))
        answer = self.state.answer(identity)
        assert answer is not None
        return answer


@dataclass
class Played:
    code: int
    state: RunState
    events: list[AnyEvent]


def play(run: RunDir, script: Callable[[Watcher], None] | None = None) -> Played:
    """Take the run's lock, run a session to its end, and return its exit code with what it told."""
    watcher, troubles = Watcher(run), []

    def follow() -> None:
        try:
            if script is not None:
                script(watcher)
        except BaseException as error:
            troubles.append(error)
            send(run.commands, Stop())  # don't train on for a script that is gone

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    thread = threading.Thread(target=follow)
    lock = run.lock()
    try:
        thread.start()
        code = Session(run).run()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        lock.release()
        thread.join()
    if troubles:
        raise troubles[0]
    watcher.look()
    return Played(code, watcher.state, watcher.events)
