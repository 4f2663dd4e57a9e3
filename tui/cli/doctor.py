"""`vrdl-tui doctor`."""

from tui.cli.options import DEFAULT_RUNS, Runs


def doctor(*, runs: Runs = DEFAULT_RUNS) -> int:
    """Check this machine: terminal, Python, torch, GPU, weights, disk.

    Says of each whether it is good, and if not what to do. Takes some seconds,
    for torch is imported. Exit code: 0 all good enough to train, 1 something isn't.
    """
    from itertools import chain

    from engine.text import printable
    from tui.cli.checks import environment, machine

    failed = False
    for check in chain(environment(runs), machine()):
        failed |= not check.good
        print(f"{'ok ' if check.good else 'BAD'} {check.what:<9} {printable(check.found)}", flush=True)
        if check.remedy:
            print(f"{'':13} {printable(check.remedy)}", flush=True)
    return int(failed)
