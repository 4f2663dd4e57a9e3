"""How a run stands, in one sentence: what is going on, or how it ended and what can be done."""

from rich.style import Style

from engine.core.text import count
from engine.journal.state import RunState, Status
from tui.widgets.look import BAD, GOOD, MUTED, PLAIN, WARN, Glyphs
from tui.widgets.view import View
from tui.widgets.wording import duration, moment

_SILENT = 30.0
_APART = 60.0
"""Seconds that the clocks of the engine's host and of ours may differ."""


class Silence:
    """How long the engine has said nothing, by our own clock where that can tell."""

    def __init__(self) -> None:
        self._since: float | None = None
        """When its last word came, or, with ``_journal``, when the run was opened."""
        self._journal = True

    def hear(self, now: float, *, news: bool) -> None:
        if news:
            self._since, self._journal = now, False
        elif self._since is None:
            self._since = now

    def lasts(self, now: float, state: RunState) -> float:
        """Return the seconds; of a run that was silent already when it was opened the journal tells."""
        told = now - state.updated_at
        if self._since is None or (self._journal and told > _SILENT + _APART):
            return told
        return now - self._since


def status_of(state: RunState, *, alive: bool, resuming: bool) -> Status:
    """The run's status; an engine just started over an older end is "starting" until it says so itself."""
    if alive and (resuming or _begun_again(state)):
        return "starting"
    return state.status(alive=alive)


def _begun_again(state: RunState) -> bool:
    return state.ended is not None and state.stage is not None and state.stage.seq > state.ended.seq


def standing(view: View) -> tuple[str, Style]:
    """Return the sentence and its colour."""
    state, glyphs = view.state, view.glyphs
    match view.status:
        case "starting":
            return _starting(view), PLAIN
        case "running":
            return _running(view)
        case "paused" if state.full is not None:
            return _waiting(view), WARN
        case "paused":
            assert state.paused is not None
            at = f"epoch {state.paused.epoch}, step {state.paused.step}"
            return f"paused at {at}, {duration(view.now - state.paused.t)} ago; p goes on", WARN
        case "finished":
            return _finished(state, glyphs), GOOD
        case "failed":
            assert state.ended is not None
            reason = glyphs.clean(state.ended.reason)
            return f"failed: {reason} {glyphs.dash} l shows the traceback, r tries again", BAD
    if state.ended is None:
        return f"the engine is gone without a last word {glyphs.dash} r resumes {_from_where(state)}", WARN
    reason = glyphs.clean(state.ended.reason) or f"{view.status} at epoch {state.ended.epoch}"
    return f"{reason} {glyphs.dash} r resumes {_from_where(state)}", WARN


def _waiting(view: View) -> str:
    full, dash = view.state.full, view.glyphs.dash
    assert full is not None
    since = duration(view.now - full.t)
    return f"{view.glyphs.clean(full.words)}, for {since} {dash} the run goes on by itself then"


def _starting(view: View) -> str:
    state, glyphs = view.state, view.glyphs
    if state.stage is None or (state.ended is not None and not _begun_again(state)):
        return f"starting the engine{glyphs.ellipsis}"
    detail = f" {glyphs.dot} {glyphs.clean(state.stage.detail)}" if state.stage.detail else ""
    return f"{state.stage.stage}{detail} {glyphs.dot} {duration(view.now - state.stage.t)}"


def _running(view: View) -> tuple[str, Style]:
    state, glyphs = view.state, view.glyphs
    if state.ended is not None:
        reason = glyphs.clean(state.ended.reason) or state.ended.outcome.replace("_", " ")
        return f"{reason} {glyphs.dot} the engine is closing its files", MUTED
    if view.silent > _SILENT:
        return f"the engine lives, but has said nothing for {duration(view.silent)}", WARN
    if state.predicting is not None:
        return (
            f"predicting the test set: {state.predicting.done:,} of {count(state.predicting.total, 'image')}",
            PLAIN,
        )
    parts = []
    if state.started is not None:
        parts.append(f"running {duration(view.now - state.started.t)}")
    if state.step is not None and state.step.data_wait is not None:
        parts.append(f"data wait {state.step.data_wait:.0f} %")
    if (last := state.checkpoints.get("last")) is not None:
        parts.append(f"checkpoint {last.epoch}/{last.step}")
    if state.data is not None:
        images = state.data.train_images + state.data.val_images + state.data.test_images
        parts.append(f"{count(len(state.data.classes), 'class', 'classes')}, {images:,} images")
    return f" {glyphs.dot} ".join(parts), MUTED


def _finished(state: RunState, glyphs: Glyphs) -> str:
    assert state.ended is not None
    parts = []
    if state.ended.reason:
        parts.append(glyphs.clean(state.ended.reason))
    if state.test is not None:
        parts.append(state.test.words)
    elif state.prediction is not None:
        parts.append(f"prediction of {count(state.prediction.rows, 'image')} written")
    parts.append(f"ended {moment(state.ended.t)}")
    return f" {glyphs.dot} ".join(parts)


def _from_where(state: RunState) -> str:
    last = state.checkpoints.get("last")
    if last is None:
        return "from the start: no checkpoint was written"
    return f"from the checkpoint at epoch {last.epoch}, step {last.step}"
