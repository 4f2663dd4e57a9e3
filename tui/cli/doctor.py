"""`vrdl-tui doctor`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Offline, Runs, given_path


def doctor(
    data: Annotated[
        Path | None, Parameter(converter=given_path, help="A data folder to look at too.")
    ] = None,
    /,
    *,
    duplicates: Annotated[
        bool,
        Parameter(
            help="List the copies among the images of DATA instead: equal files, and images that look equal; in two "
            "splits, in several classes, or within a class. Decodes every image: minutes for many thousands.",
            show_default=False,
        ),
    ] = False,
    picture: Annotated[
        Path | None,
        Parameter(
            converter=given_path, help="With --duplicates: PNG file to write with the copies side by side."
        ),
    ] = None,
    runs: Runs = DEFAULT_RUNS,
    offline: Offline = False,
    json: Annotated[
        bool,
        Parameter(
            help="Print one JSON object. With --duplicates: images, omitted (number by reason) and groups (exact, "
            "kind, conflict, images: split, class, path), the worst first.",
            show_default=False,
        ),
    ] = False,
) -> int:
    """Check this machine: terminal, Python, torch, GPU, weights, disk; and a data folder.

    Says of each whether it is good, and if not what to do. Takes some seconds,
    for torch is imported. Of a data folder it says what a run would use, and what
    it would leave out. Exit code: 0 all good enough to train, 1 something isn't.
    """
    from itertools import chain

    from engine.core.errors import UserError
    from engine.core.offline import forbid_network
    from engine.core.text import printable
    from tui.cli.checks import environment, machine
    from tui.cli.data_checks import DataChecks
    from tui.cli.duplicates import duplicates as list_duplicates
    from tui.cli.say import print_json

    if offline:
        forbid_network()
    if duplicates:
        if data is None:
            raise UserError("--duplicates needs a data folder: vrdl-tui doctor DATA --duplicates")
        return list_duplicates(data, json=json, picture=picture)
    if picture is not None:
        raise UserError("--picture belongs to --duplicates: vrdl-tui doctor DATA --duplicates --picture FILE")
    failed = False
    of_data = DataChecks(data) if data is not None else None
    checks = chain(environment(runs), machine(), of_data or ())
    if json:
        found = list(checks)
        print_json(
            {"checks": found, "data": of_data.listing and of_data.listing.to_json() if of_data else None}
        )
        return int(any(not check.good for check in found))
    for check in checks:
        failed |= not check.good
        print(f"{'ok ' if check.good else 'BAD'} {check.what:<9} {printable(check.found)}", flush=True)
        if check.remedy:
            print(f"{'':13} {printable(check.remedy)}", flush=True)
    return int(failed)
