"""A word to whoever is not looking: a run has ended while a console was attached to it."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from engine.events import AnyEvent, RunEnded
from engine.rundir import RunDir
from engine.state import RunState
from engine.text import printable
from tui.settings import Notices

_BELL = "\a"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: RunEnded's outcome, or "interrupted" for an engine that is gone without a last word."""

    run: RunDir
    outcome: str
    reason: str
    best: float | None
    """Percent or loss, as the run watches."""

    def sentence(self) -> str:
        best = "" if self.best is None else f", best {self.best:.5g}"
        reason = f": {self.reason}" if self.reason else ""
        return printable(f"{self.run.name} {self.outcome.replace('_', ' ')}{best}{reason}", 200)

    def variables(self) -> dict[str, str]:
        """Return what a command of the person's finds in its environment."""
        return {
            "VRDL_RUN": self.run.name,
            "VRDL_PATH": str(self.run.path.absolute()),
            "VRDL_OUTCOME": self.outcome,
            "VRDL_REASON": printable(self.reason),
            "VRDL_BEST": "" if self.best is None else f"{self.best:.5f}",
        }


def ending(
    run: RunDir, events: Iterable[AnyEvent], state: RunState, was_alive: bool, alive: bool
) -> Ending | None:
    """Return the end that ``events``, newly come, or the loss of the engine made; None when there was none."""
    ended = next((event for event in events if isinstance(event, RunEnded)), None)
    if ended is not None:
        return Ending(run, ended.outcome, ended.reason, ended.best)
    begun_after = state.stage is not None and state.ended is not None and state.stage.seq > state.ended.seq
    if was_alive and not alive and (state.ended is None or begun_after):
        return Ending(run, "interrupted", "the engine is gone without a last word", state.early_stop.best)
    return None


def announce(
    end: Ending,
    wanted: Notices,
    write: Callable[[str], object],
    trouble: Callable[[str], object],
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Tell of the end in the ways that are wanted; returns at once.

    ``write`` sends to the terminal; ``trouble`` is given one line, from a thread, when the command can't be
    started or ends badly.
    """
    sequences = (_BELL if wanted.bell else "") + _desktop(end, wanted, tmux=bool(environ.get("TMUX")))
    if sequences:
        write(sequences)
    if wanted.command:
        arguments = (wanted.command, {**environ, **end.variables()}, trouble)
        threading.Thread(target=_run, args=arguments, name="notify", daemon=True).start()


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


def _run(command: list[str], environ: Mapping[str, str], trouble: Callable[[str], object]) -> None:
    # In a session of its own: it may outlive the console, and hears no Ctrl-C that is meant for it.
    try:
        code = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,
        ).wait()
    except (OSError, ValueError) as error:
        trouble(f"notify.command {command[0]} can't be started: {getattr(error, 'strerror', None) or error}")
        return
    if code:
        trouble(f"notify.command {command[0]} ended with exit code {code}")
