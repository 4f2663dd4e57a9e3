"""A word to whoever is not looking: a run has ended while a console was open."""

import os
from collections.abc import Callable, Iterable, Mapping

from engine.journal.events import AnyEvent, RunEnded
from engine.journal.state import RunState
from engine.run.directory import RunDir
from engine.run.notify import Ending, Notices

_BELL = "\a"


def ending(
    run: RunDir, events: Iterable[AnyEvent], state: RunState, was_alive: bool, alive: bool
) -> Ending | None:
    """Return the end that ``events``, newly come, or the loss of the engine made; None when there was none."""
    ended = next((event for event in events if isinstance(event, RunEnded)), None)
    if ended is not None:
        key = (state.first_started_at, ended.t)
        return Ending(run, ended.outcome, ended.reason, ended.best, key)
    begun_after = state.stage is not None and state.ended is not None and state.stage.seq > state.ended.seq
    if was_alive and not alive and (state.ended is None or begun_after):
        key = (state.first_started_at, state.updated_at)
        reason = "the engine is gone without a last word"
        return Ending(run, "interrupted", reason, state.early_stop.best, key)
    return None


def announce(
    end: Ending, wanted: Notices, write: Callable[[str], object], environ: Mapping[str, str] = os.environ
) -> None:
    """Tell of the end by the terminal, in the ways that are wanted; ``write`` sends to it."""
    sequences = (_BELL if wanted.bell else "") + _desktop(end, wanted, tmux=bool(environ.get("TMUX")))
    if sequences:
        write(sequences)


def _desktop(end: Ending, wanted: Notices, *, tmux: bool) -> str:
    # A semicolon would begin another field, and OSC 9 takes a number before one for a command of ConEmu's.
    text = end.sentence().replace(";", ",")
    match wanted.desktop:
        case "osc9":
            sequence = f"\x1b]9;{text}\a"
        case "osc777":
            sequence = f"\x1b]777;notify;vrdl-tui;{text}\a"
        case "off":
            return ""
    # tmux hands on what is wrapped so, if its option allow-passthrough is on.
    return f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\" if tmux else sequence
