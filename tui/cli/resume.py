"""`vrdl-tui resume`."""

import shlex

from tui.cli.options import DEFAULT_RUNS, Ascii, Detach, Headless, Run, Runs


def resume(
    run: Run,
    /,
    *,
    runs: Runs = DEFAULT_RUNS,
    headless: Headless = False,
    detach: Detach = False,
    ascii: Ascii = False,
) -> int:
    """Go on with a run that was stopped or cut off.

    It continues at the very step of its last checkpoint, with the numbers that an
    unbroken run would have given.
    """
    from engine.errors import UserError
    from engine.rundir import find_run
    from engine.text import printable
    from tui.cli.begin import begin, choose_mode
    from tui.cli.standing import read_state, standing

    mode = choose_mode(headless=headless, detach=detach)
    found = find_run(runs, run)
    found.lock(wait=0.2).release()  # says who has the run, should it be going on
    ended = read_state(found).ended
    if ended is not None and ended.outcome in ("finished", "early_stopped"):
        again = f"vrdl-tui train DATA --recipe {shlex.quote(str(found.recipe))}"
        raise UserError(f"nothing to resume: {standing(found)}; train anew with: {printable(again)}")
    return begin(runs, found, mode, ascii=ascii)
