"""The live view of one run: five panels, the progress above them, the keys below."""

import threading
from collections.abc import Callable

from rich.style import Style
from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message

from engine.core.text import count
from engine.journal.events import PredictionScored, PredictionWritten
from engine.journal.state import Status
from engine.run.notify import Ending
from tui import link
from tui.late import Late
from tui.link import Source
from tui.notify import ending
from tui.screens.keys import LIVE_BINDINGS, keys_for
from tui.screens.live_opens import LiveOpens
from tui.screens.live_start import EngineStart
from tui.screens.whole import Whole
from tui.settings import Memory
from tui.widgets import plot
from tui.widgets.accuracy import Accuracy
from tui.widgets.confusion import Confusion
from tui.widgets.early_stop import EarlyStop
from tui.widgets.epoch_beat import EpochBeat
from tui.widgets.happenings import Happening
from tui.widgets.header import Header
from tui.widgets.keys import Key, Keys
from tui.widgets.learning_rate import LearningRate
from tui.widgets.log import Log
from tui.widgets.log_lines import ENGINE_LOG_LINES, LogLine
from tui.widgets.look import BAD, GOOD, Glyphs
from tui.widgets.notice import Notice
from tui.widgets.outliers import Outliers
from tui.widgets.panel import Panel
from tui.widgets.progress import Progress
from tui.widgets.requests import Requests
from tui.widgets.standing import Silence, standing, status_of
from tui.widgets.system import System
from tui.widgets.view import View

_FIRST_READ = 0.15


class LiveScreen(LiveOpens, Whole[None]):
    """Shows what the journal says and asks the engine what the keys say."""

    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (180, "-very-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (50, "-high")]  # noqa: RUF012
    BINDINGS = LIVE_BINDINGS

    class Left(Message):
        """The person goes back to the list of runs."""

    class Ended(Message):
        """The run has ended while it was watched."""

        def __init__(self, end: Ending) -> None:
            super().__init__()
            self.end = end

    def __init__(
        self, follower: Source, glyphs: Glyphs, clock: Callable[[], float], memory: Memory | None = None
    ) -> None:
        super().__init__()
        self.follower = follower
        self._memory = memory or Memory()
        self._glyphs = glyphs
        self._clock = clock
        self._alive = False
        self._requests = Requests(glyphs)
        self._start = EngineStart()
        self._log_stale = True
        self._beat = EpochBeat()
        self._silence = Silence()
        self._above = None
        self._prediction_job = None
        self.set_class(glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        accuracy, rate, stop = (
            Accuracy(id="accuracy"),
            LearningRate(id="learning-rate"),
            EarlyStop(id="early-stop"),
        )
        header, confusion, outliers = (
            Header(self.follower.run.name),
            Confusion(id="confusion"),
            Outliers(id="outliers"),
        )
        system = System(id="system")
        self._panels: list[Panel] = [header, outliers, system]
        self._epoch_panels: list[Panel] = [accuracy, rate, stop, confusion]
        for panel in (outliers, system, *self._epoch_panels):
            panel.can_focus = True
        yield header
        yield Progress()
        yield Notice()
        with Horizontal(id="upper"):
            yield accuracy
            with Vertical(id="rules"):
                yield rate
                yield stop
                yield system
        with Horizontal(id="lower"):
            yield confusion
            yield outliers
        yield Log(self._glyphs, id="log")
        yield Keys()

    def on_mount(self) -> None:
        self.query_one(Log).display = False
        # A journal of ordinary length is read by now: then the first paint is the whole picture.
        self.follower.ready.wait(_FIRST_READ)
        late = Late(self)
        self.follower.on_news = lambda: late(self._collect)
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(self._fetch_plotext)
        self._collect()
        if self._memory.layout.log:
            self.action_log()

    def on_unmount(self) -> None:
        self.follower.stop()

    @property
    def status(self) -> Status:
        return status_of(self._model.state, alive=self._alive, resuming=self._start.under_way)

    def _fetch_plotext(self) -> None:
        late = Late(self)

        def fetch() -> None:
            plot.plotext()
            late(self._plot_is_here)

        threading.Thread(target=fetch, name="plotext", daemon=True).start()

    def _plot_is_here(self) -> None:
        self.query_one(Accuracy).enable_plot()

    def _collect(self) -> None:
        """Take what the follower has read, and show it."""
        if not self.follower.ready.is_set():
            return
        events, alive = self.follower.take()
        was_alive, self._alive = self._alive, alive
        log = self.query_one(Log)
        for line in self._model.apply(events):
            log.add(line)
        if (end := ending(self.follower.run, events, self._model.state, was_alive, alive)) is not None:
            self.post_message(self.Ended(end))
        now = self._clock()
        self._silence.hear(now, news=bool(events))
        self._requests.hear(self._model.state, now)
        for event in events:
            if isinstance(event, PredictionWritten):
                self._requests.say(_written(event), GOOD, now)
            elif isinstance(event, PredictionScored):
                written = self._model.state.prediction
                before = f"{_written(written)}; " if written is not None else ""
                self._requests.say(before + event.words, GOOD, now)
        if was_alive and not alive:
            self._requests.engine_gone(now)
        # engine.log's end stands below a failed run's log, and nothing may follow it.
        if (was_alive and not alive) or (alive and log.ends_with_engine_log):
            self._log_stale = True
        self._judge_start(was_alive, now)
        if log.display:
            self._fill_log()
        self._show()

    def _judge_start(self, was_alive: bool, now: float) -> None:
        if self._start.has_died(self._model.state, alive=self._alive, was_alive=was_alive, now=now):
            self._log_stale = True
            self._requests.say(
                "the engine ended before it could begin; l shows the end of engine.log", BAD, now
            )

    def _tick(self) -> None:
        self._judge_start(False, self._clock())
        self._show()

    def _show(self) -> None:
        view = self._view()
        if self._above is not None:
            self._above.call_later(self._above.show_run, view)  # its own turn: it may be on its way out
        due = self._beat.due(view)
        if due:
            self.query_one(Header).score(view)
        for panel in self._panels + (self._epoch_panels if due else []):
            panel.show_run(view)
        self.query_one(Progress).show_run(view)
        self.query_one(Notice).say(*(self._requests.word(view.now) or self._standing(view)))
        self.query_one(Keys).offer(self._offered(log=self.query_one(Log).display))

    def _view(self) -> View:
        state, now = self._model.state, self._clock()
        return View(state, self.status, self._alive, now, self._glyphs, self._silence.lasts(now, state))

    def _standing(self, view: View) -> tuple[str, Style]:
        return standing(view)

    def _offered(self, *, log: bool) -> list[Key]:
        return keys_for(self.status, alive=self._alive, log=log)

    def note(self, text: str) -> None:
        """Add a line of the console's own to the log."""
        line = Happening(self._clock(), "warn", text)
        self._model.happenings.append(line)
        self.query_one(Log).add(line)
        self.query_one(Log).redraw()

    @work(thread=True)
    def on_log_engine_log_wanted(self) -> None:
        lines = link.engine_log_tail(self.follower.run, ENGINE_LOG_LINES)
        safe = [LogLine("", "engine", self._glyphs.clean(line)) for line in lines]
        Late(self)(self._tell_engine_log, safe)

    def _tell_engine_log(self, lines: list[LogLine]) -> None:
        self.query_one(Log).tell_engine_log(lines)

    def action_log(self) -> None:
        log = self.query_one(Log)
        log.display = not log.display
        self.query_one("#lower").display = not log.display
        if log.display:
            self._fill_log()
            log.focus()
        else:
            self.set_focus(None)
        self._memory.keep(log=log.display)
        self._show()

    def _fill_log(self) -> None:
        log = self.query_one(Log)
        if self._log_stale:
            self._log_stale = False
            told = self.status == "failed" or (not self._alive and self._model.state.ended is None)
            log.tell(self._model.happenings, link.engine_log_tail(self.follower.run) if told else [])
        else:
            log.redraw()

    def action_escape(self) -> None:
        if self.query_one(Log).display:
            self.action_log()
        else:
            self.action_back()

    def action_back(self) -> None:
        self.post_message(self.Left())


def _written(event: PredictionWritten) -> str:
    part = f", {event.read:,} of {event.images:,} images read" if event.read < event.images else ""
    return f"prediction written: {count(event.rows, 'row')} in prediction.csv{part}"
