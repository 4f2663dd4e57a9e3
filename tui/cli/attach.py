"""`vrdl-tui attach`."""

from typing import Annotated

from cyclopts import Parameter

from engine.core.errors import UserError
from tui.cli.options import DEFAULT_RUNS, Ascii, NewestRun, Offline, Runs

_SLOWEST, _FASTEST = 1, 1000


def attach(
    run: NewestRun = None,
    /,
    *,
    replay: Annotated[
        list[float] | None,
        Parameter(
            help="Play the run back as it happened, that many times as fast, 1 to 1000; alone: as fast as it was.",
            consume_multiple=(0, 1),
            show_default=False,
        ),
    ] = None,
    runs: Runs = DEFAULT_RUNS,
    ascii: Ascii = False,
    offline: Offline = False,
) -> int:
    """Watch a run, and steer it.

    Opens the console on a run that is training, paused, finished or cut off.
    Leaving the console never ends the run, unless you choose so in its menu.
    """
    from engine.core.offline import forbid_network
    from engine.run.directory import find_run
    from tui.cli.console import open_console

    if offline:
        forbid_network()
    speed = None if replay is None else replay[0] if replay else float(_SLOWEST)
    if speed is not None and not _SLOWEST <= speed <= _FASTEST:
        raise UserError(f"--replay {speed:g}: the speed is {_SLOWEST} to {_FASTEST}")
    return open_console(runs, find_run(runs, run), ascii=ascii, replay=speed)
