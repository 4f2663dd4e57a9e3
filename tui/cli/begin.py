"""Start a run's engine and stay with it as the user wants: console, headless, or not at all."""

from pathlib import Path
from typing import Literal

from engine.core.errors import UserError
from engine.core.text import printable
from engine.run.directory import RunDir
from tui.cli.naming import run_argument
from tui.cli.say import note
from tui.cli.standing import standing
from tui.cli.terminal import is_terminal

Mode = Literal["console", "headless", "detached"]


def choose_mode(*, headless: bool, detach: bool) -> Mode:
    """Return how to stay with the run; off a terminal that is headless. Raises UserError for both at once."""
    if headless and detach:
        raise UserError("--headless stays with the run and --detach leaves it; give one of them")
    if detach:
        return "detached"
    return "headless" if headless or not is_terminal() else "console"


def begin(runs: Path, run: RunDir, mode: Mode, *, ascii: bool) -> int:
    """Start the engine on ``run`` and return the exit code. Raises UserError when one has it already."""
    try:
        if mode == "headless":
            from tui.headless import run_headless

            return run_headless(run)
        from tui.spawn import start_engine

        process = start_engine(run)
    except KeyboardInterrupt:  # of run_headless only while it is being imported: it answers signals itself
        note(standing(run))
        return 130
    if mode == "detached":
        watch = f"vrdl-tui attach {run_argument(run)}"
        print(f"run {printable(run.name)} is started (process {process}); watch it: {watch}")
        return 0
    from tui.cli.console import open_console

    return open_console(runs, run, ascii=ascii)
