"""`vrdl-tui doctor`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Offline, Runs


def doctor(
    data: Annotated[Path | None, Parameter(help="A data folder to look at too.")] = None,
    /,
    *,
    runs: Runs = DEFAULT_RUNS,
    offline: Offline = False,
) -> int:
    """Check this machine: terminal, Python, torch, GPU, weights, disk; and a data folder.

    Says of each whether it is good, and if not what to do. Takes some seconds,
    for torch is imported. Exit code: 0 all good enough to train, 1 something isn't.
    """
    from itertools import chain

    from engine.core.offline import forbid_network
    from engine.core.text import printable
    from tui.cli.checks import environment, machine
    from tui.cli.data_checks import data as of_data

    if offline:
        forbid_network()
    failed = False
    for check in chain(environment(runs), machine(), of_data(data) if data is not None else ()):
        failed |= not check.good
        print(f"{'ok ' if check.good else 'BAD'} {check.what:<9} {printable(check.found)}", flush=True)
        if check.remedy:
            print(f"{'':13} {printable(check.remedy)}", flush=True)
    return int(failed)
