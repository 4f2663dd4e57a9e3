"""The console's line to a run: a thread follows the journal and the lock; commands go into the spool."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable

from engine.control.commands import AnyCommand, send
from engine.core.errors import UserError
from engine.journal.events import AnyEvent
from engine.journal.index import History
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tui.log_tail import log_tail
from tui.lookout import Lookout
from tui.spawn import start_engine
from tui.widgets.happenings import KEPT, Happening, Teller

_POLL = 0.35
_LIVENESS = 1.0
_BYTES_A_LINE = 820
"""Of engine.log, at most; a longer line of it costs the oldest ones their place."""


class Model:
    """A run as one console knows it: its state, and the log of what happened to it."""

    def __init__(self) -> None:
        self.state = RunState()
        self.happenings: deque[Happening] = deque(maxlen=KEPT)
        self._teller = Teller()

    def apply(self, events: list[AnyEvent]) -> list[Happening]:
        """Fold events into the state and return the log lines they made."""
        self.state.apply_all(events)
        told = [line for event in events if (line := self._teller.tell(event)) is not None]
        self.happenings.extend(told)
        return told


class Source(Lookout):
    """What a live view is fed by: a run that is followed, or one that is played back.

    The thread folds what is past into ``model``; from then on (``ready``) the model belongs to the user interface,
    which collects what is new with ``take`` whenever ``on_news`` was called.
    """

    def __init__(self, run: RunDir, name: str) -> None:
        super().__init__(name)
        self.run = run
        self.model = Model()
        self.ready = threading.Event()
        self.on_news: Callable[[], object] | None = None
        self._news: list[AnyEvent] = []
        self._guard = threading.Lock()

    def take(self) -> tuple[list[AnyEvent], bool]:
        """Return the events that came since the last call, and whether an engine was alive then."""
        raise NotImplementedError

    def _notify(self) -> None:
        if self.on_news is not None and not self._stopped:
            self.on_news()


class Follower(Source):
    """Reads a run's journal in a thread, off the event loop: a shared file system may answer slowly."""

    def __init__(self, run: RunDir) -> None:
        super().__init__(run, "journal")
        self._reader = JournalReader(run.journal)
        self._alive = False

    def take(self) -> tuple[list[AnyEvent], bool]:
        with self._guard:
            news, self._news = self._news, []
            return news, self._alive

    def _watch(self) -> None:
        self._alive = self.run.is_alive()
        past = History(self._reader)
        with contextlib.suppress(OSError):  # what could be read is shown
            for events in past.read():
                self.model.apply(events)
                if self._stopped:
                    return
        self.ready.set()
        self._notify()
        past.save()
        seen = self._stamp()
        looked = time.monotonic()
        while not self._stopped:
            woken = self._rest(_POLL)
            alive = self._alive
            # The lock before the journal: an engine writes its end first and lets go of the lock after it.
            # Asked the other way round, a run that ends in between would look cut off.
            if woken or time.monotonic() - looked >= _LIVENESS:
                looked = time.monotonic()
                alive = self.run.is_alive()
            stamp = self._stamp()
            events = self._read() if alive != self._alive or stamp != seen else []
            seen = stamp
            if events or alive != self._alive:
                with self._guard:
                    self._news.extend(events)
                    self._alive = alive
                self._notify()

    def _read(self) -> list[AnyEvent]:
        try:
            return self._reader.read()
        except OSError:  # the disk or the folder is away: what is known stays on screen
            return []

    def _stamp(self) -> tuple[int, int]:
        try:
            stat = self.run.journal.stat()
        except OSError:
            return (0, 0)
        return (stat.st_size, stat.st_mtime_ns)


def ask(run: RunDir, command: AnyCommand) -> tuple[str, str]:
    """Send a command; return (id, "") or ("", why it can't be sent)."""
    try:
        return send(run.commands, command), ""
    except UserError as error:
        return "", str(error)
    except OSError as error:
        return "", f"the command can't be written: {error.strerror or error}"


def start(run: RunDir) -> str:
    """Start an engine that goes on with the run; return why it can't be started, or nothing."""
    try:
        start_engine(run)
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"the engine can't be started: {error.strerror or error}"
    return ""


def engine_log_tail(run: RunDir, lines: int = 40) -> list[str]:
    """Return the last lines of engine.log, where a failed run's traceback is."""
    return log_tail(run.engine_log, lines * _BYTES_A_LINE)[-lines:]
