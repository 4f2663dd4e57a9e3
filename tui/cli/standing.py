"""How a run stands, in one plain line with what to type next."""

from engine.core.text import printable
from engine.journal.index import past_state
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.run.crash import ended_by
from engine.run.directory import RunDir
from tui.cli.naming import run_argument, shown_path


def score(monitor: str, value: float) -> str:
    """Return a monitored score as a person reads it."""
    return f"{value:.2f} %" if monitor == "val_acc" else f"loss {value:.5f}"


def standing(run: RunDir) -> str:
    """Say whether the run goes on and how to attach, or how it ended and where its files are."""
    # The lock before the journal: an engine writes its end first, and lets go of the lock after it.
    alive = run.is_alive()
    state = past_state(JournalReader(run.journal))
    name, argument = printable(run.name), run_argument(run)
    if alive and state.ended is None:
        where = f" in epoch {state.epoch.epoch} of {state.epoch.epochs}" if state.epoch else ""
        paused = (
            f"is paused ({state.full.words})" if state.full else "is paused" if state.paused else "goes on"
        )
        return f"run {name} {paused}{where}; watch it: vrdl-tui attach {argument}"
    resume = f"go on with: vrdl-tui resume {argument}"
    ended = state.ended
    if ended is None:
        return f"run {name} {ended_by(run, state) or 'was cut off'}; {resume}"
    if ended.outcome == "failed":
        return f"run {name} failed: {printable(ended.reason)}; details in {shown_path(run.engine_log)}"
    if ended.outcome in ("stopped", "interrupted"):
        return f"run {name} was stopped{_best(state)}; {resume}"
    how = "stopped early by its rule" if ended.outcome == "early_stopped" else "finished"
    return f"run {name} {how}{_best(state)}; its files are in {shown_path(run.path)}"


def _best(state: RunState) -> str:
    stop = state.early_stop
    if stop.best is None:
        return ""
    test = f", {state.test.short}" if state.test is not None else ""
    return f", best {score(stop.monitor, stop.best)} in epoch {stop.best_epoch}{test}"
