"""`vrdl-tui attach`."""

from tui.cli.options import DEFAULT_RUNS, Ascii, NewestRun, Runs


def attach(run: NewestRun = None, /, *, runs: Runs = DEFAULT_RUNS, ascii: Ascii = False) -> int:
    """Watch a run, and steer it.

    Opens the console on a run that is training, paused, finished or cut off.
    Leaving the console never ends the run, unless you choose so in its menu.
    """
    from engine.rundir import find_run
    from tui.cli.console import open_console

    return open_console(runs, find_run(runs, run), ascii=ascii)
