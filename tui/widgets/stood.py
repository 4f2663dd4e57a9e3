"""How a run stood at a moment of its replay: ``standing`` without what could be done about it then."""

from dataclasses import replace

from rich.style import Style

from tui.widgets.look import BAD, MUTED, WARN
from tui.widgets.standing import standing
from tui.widgets.view import View
from tui.widgets.wording import duration


def stood(view: View) -> tuple[str, Style]:
    """Return the sentence and its colour."""
    state, glyphs = view.state, view.glyphs
    if not state.updated_at:
        return "this run's journal holds nothing to replay; b goes back", MUTED
    match view.status:
        case "paused" if state.full is not None:
            return f"{glyphs.clean(state.full.words)}, for {duration(view.now - state.full.t)}", WARN
        case "paused":
            assert state.paused is not None
            at = f"epoch {state.paused.epoch}, step {state.paused.step}"
            return f"paused at {at} for {duration(view.now - state.paused.t)}", WARN
        case "failed":
            assert state.ended is not None
            return f"failed: {glyphs.clean(state.ended.reason)}", BAD
        case "stopped" | "interrupted":
            reason = glyphs.clean(state.ended.reason) if state.ended is not None else ""
            return reason or f"the engine was gone, in epoch {state.epoch.epoch if state.epoch else 0}", WARN
    # The replay's clock is the engine's own: the journal alone tells, wherever one jumps to.
    return standing(replace(view, silent=view.now - state.updated_at))
