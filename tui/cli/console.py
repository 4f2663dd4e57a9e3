"""Open the console, and say how things stand once it is closed."""

from pathlib import Path

from engine.errors import UserError
from engine.rundir import RunDir
from tui.cli.terminal import is_terminal, locale_is_utf8


def open_console(runs: Path, run: RunDir | None, *, ascii: bool) -> int:
    """Show ``run``, or the list of runs, until the user leaves. Raises UserError off a terminal."""
    if not is_terminal():
        raise UserError(
            "the console needs a terminal; without one there are vrdl-tui runs, send and train --headless"
        )
    from tui.app import ConsoleApp

    app = ConsoleApp(runs=runs, run=run, ascii=ascii or not locale_is_utf8())
    code = app.run()
    if app.left_run is not None:
        from tui.cli.standing import standing

        print(standing(app.left_run))
    return code or 0
