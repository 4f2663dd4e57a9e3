"""`vrdl-tui doctor`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Offline, Runs


def doctor(
    data: Annotated[Path | None, Parameter(help="A data folder to look at too.")] = None,
    /,
    *,
    duplicates: Annotated[
        bool,
        Parameter(
            help="List the copies among the images of DATA instead: equal files, and images that look equal; in two "
            "splits, in several classes, or within a class. Decodes every image: about 2 ms each.",
            show_default=False,
        ),
    ] = False,
    picture: Annotated[
        Path | None, Parameter(help="With --duplicates: PNG file to write with the copies side by side.")
    ] = None,
    json: Annotated[
        bool,
        Parameter(
            help="With --duplicates: print a JSON object with: images, omitted (number by reason) and groups (exact, "
            "kind, conflict, images: split, class, path), the worst first.",
            show_default=False,
        ),
    ] = False,
    runs: Runs = DEFAULT_RUNS,
    offline: Offline = False,
) -> int:
    """Check this machine: terminal, Python, torch, GPU, weights, disk; and a data folder.

    Says of each whether it is good, and if not what to do. Takes some seconds,
    for torch is imported. Exit code: 0 all good enough to train, 1 something isn't.
    """
    from itertools import chain

    from engine.core.errors import UserError
    from engine.core.offline import forbid_network
    from engine.core.text import printable
    from tui.cli.checks import environment, machine
    from tui.cli.data_checks import data as of_data
    from tui.cli.duplicates import duplicates as list_duplicates

    if offline:
        forbid_network()
    if duplicates:
        if data is None:
            raise UserError("--duplicates needs a data folder: vrdl-tui doctor DATA --duplicates")
        return list_duplicates(data, json=json, picture=picture)
    if json or picture is not None:
        raise UserError("--json and --picture belong to --duplicates")
    failed = False
    for check in chain(environment(runs), machine(), of_data(data) if data is not None else ()):
        failed |= not check.good
        print(f"{'ok ' if check.good else 'BAD'} {check.what:<9} {printable(check.found)}", flush=True)
        if check.remedy:
            print(f"{'':13} {printable(check.remedy)}", flush=True)
    return int(failed)
