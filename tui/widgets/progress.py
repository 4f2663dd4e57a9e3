"""The second row of the live view: epoch and step progress, speed, time left.

A widget a field: a terminal update starts at a widget's left edge, so that in one wide row a changed digit
would have all that stands left of it written again.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Resize

from engine.journal.events import Step
from engine.journal.state import RunState
from tui.widgets.bar import bar
from tui.widgets.lines import Lines
from tui.widgets.look import MUTED, PLAIN, STRONG, TRAIN, VAL, Glyphs, styled
from tui.widgets.view import View
from tui.widgets.wording import duration, rate

_PERIOD = 0.45


class Field(Lines):
    """One figure with its word; as wide as its text."""

    def say(self, text: Text) -> None:
        width = text.cell_len
        if self.styles.width is None or self.styles.width.value != width:
            self.styles.width = width
        self.show([text])


class Bar(Lines):
    """A progress bar over the room that the figures leave."""

    def __init__(self, style: Style, *, id: str) -> None:
        super().__init__(id=id)
        self._style = style
        self._share: tuple[float, float, Glyphs] | None = None

    def fill(self, done: float, total: float, glyphs: Glyphs) -> None:
        self._share = (done, total, glyphs)
        self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._share is not None:
            done, total, glyphs = self._share
            self.show([bar(done, total, self.size.width, self._style, glyphs)])


class _Count(NamedTuple):
    label: str
    done: int
    total: int

    def text(self) -> Text:
        return styled(f"{self.label} {self.done:>{len(str(self.total))}}/{self.total or '?'} ", PLAIN)


class Progress(Horizontal):
    """Redrawn about twice a second while only steps come, at once for anything else."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(id="progress")
        self._clock = clock
        self._drawn_at = 0.0
        self._drawn: object = None

    def compose(self) -> ComposeResult:
        yield Field(id="epoch")
        yield Bar(VAL, id="epoch-bar")
        yield Field(id="step")
        yield Bar(TRAIN, id="step-bar")
        yield Field(id="loss")
        yield Field(id="train")
        yield Field(id="speed")
        yield Field(id="left")

    def show_run(self, view: View) -> None:
        state = view.state
        facts = (view.alive, view.status, state.epoch, len(state.epochs), state.predicting, state.validating)
        now = self._clock()
        if facts == self._drawn and now - self._drawn_at < _PERIOD:
            return
        self._drawn, self._drawn_at = facts, now
        self._draw(view)

    def _draw(self, view: View) -> None:
        state, glyphs = view.state, view.glyphs
        finding = state.finding_outliers and view.alive
        whole, part = (_classes(state), _of_class(state)) if finding else (_epoch(state), _step(state))
        self.query_one("#epoch", Field).say(whole.text())
        self.query_one("#epoch-bar", Bar).fill(_whole_done(state, whole, part), whole.total, glyphs)
        self.query_one("#step", Field).say(Text("  ").append(part.text()))
        self.query_one("#step-bar", Bar).fill(part.done, part.total, glyphs)
        loss, train = Text(), Text()
        if finding and state.outliers.current is not None:
            loss = Text("  ").append(f"{state.outliers.current.loss:.5f}", PLAIN).append(" loss", MUTED)
        elif (now := _step_now(view)) is not None:
            loss = Text("  ").append(f"{now.loss:6.4f}", PLAIN).append(" loss", MUTED)
            train = Text("  ").append(f"{now.train_acc:6.2f} %", PLAIN).append(" train", MUTED)
        self.query_one("#loss", Field).say(loss)
        self.query_one("#train", Field).say(train)
        self.query_one("#speed", Field).say(_speed(view))
        self.query_one("#left", Field).say(_left(view))


def _epoch(state: RunState) -> _Count:
    total = state.epoch.epochs if state.epoch else state.started.epochs if state.started else 0
    return _Count("epoch", state.epoch.epoch if state.epoch else len(state.epochs), total)


def _classes(state: RunState) -> _Count:
    """The outlier stage's classes: the one under way, or how many are judged."""
    now, total = state.outliers.current, len(state.data.classes) if state.data else 0
    return _Count("class", now.class_index if now else len(state.outliers.thresholds), total)


def _of_class(state: RunState) -> _Count:
    """An autoencoder's epochs, or the images that were read."""
    now, read = state.outliers.current, state.outliers.read
    if now is not None:
        return _Count("epoch", now.epoch, now.epochs)
    return _Count("image", read.done, read.total) if read else _Count("image", 0, 0)


def _whole_done(state: RunState, whole: _Count, part: _Count) -> float:
    share = part.done / part.total if part.total else 0
    if state.finding_outliers:
        return whole.done - 1 + share if state.outliers.current else whole.done
    under_way = whole.done > len(state.epochs) and not state.predicting
    return len(state.epochs) + (share if under_way else 0)


def _step(state: RunState) -> _Count:
    if state.predicting is not None:
        return _Count("predict", state.predicting.done, state.predicting.total)
    if state.step is not None:
        return _Count("step", state.step.step, state.step.steps)
    if state.epoch is None:
        return _Count("step", 0, 0)
    ended = bool(state.epochs) and state.epochs[-1].epoch >= state.epoch.epoch
    return _Count("step", state.epoch.steps if ended else 0, state.epoch.steps)


def _step_now(view: View) -> Step | None:
    """The newest step, unless it is another engine's: one that has just been started knows no speed yet."""
    return view.state.step if view.alive and view.status in ("running", "paused") else None


def _speed(view: View) -> Text:
    state = view.state
    if not view.alive or state.finding_outliers:
        return Text()
    step = _step_now(view)
    last = state.epochs[-1].images_per_s if state.epochs and view.status != "starting" else None
    speed = step.images_per_s if step else last
    return Text("  ").append(f"{rate(speed) if speed is not None else '?':>6}", PLAIN).append(" img/s", MUTED)


def _stage_left(view: View) -> float | None:
    """Seconds until the outlier stage ends, should it go on at its pace so far."""
    state = view.state
    if state.stage is None:
        return None
    whole, part = _classes(state), _of_class(state)
    # What earlier attempts judged took none of this one's time.
    earlier = sum(judged.seq < state.stage.seq for judged in state.outliers.thresholds.values())
    if state.outliers.current is None and len(state.outliers.thresholds) == earlier:
        passed, done, total = 0.0, float(part.done), part.total  # a method that reads all images first
    else:
        passed, done, total = float(earlier), _whole_done(state, whole, part), whole.total
    if done <= passed or not total:
        return None
    return (view.now - state.stage.t) * max(0.0, total - done) / (done - passed)


def _left(view: View) -> Text:
    """The time left of a live run, the time that its epochs took of one that is over."""
    state = view.state
    if view.alive:
        step = _step_now(view)
        eta = _stage_left(view) if state.finding_outliers else step.eta if step else None
        left = duration(eta) if eta is not None else "?"
        return Text("  ").append(f"{left:>7}", STRONG).append(" left", MUTED)
    if not state.epochs:
        return Text()
    trained = duration(sum(epoch.seconds for epoch in state.epochs))
    return Text("  ").append(trained, STRONG).append(" trained", MUTED)
