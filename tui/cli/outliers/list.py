"""`vrdl-tui outliers list`."""

from typing import Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, NewestRun, Runs


def list_(
    run: NewestRun = None,
    /,
    *,
    json: Annotated[
        bool,
        Parameter(
            help="Print a JSON list of objects with: class, path, error, threshold, action (exclude, quarantine, "
            "delete), looks_like, sha256, moved_to, from_epoch, by, time (UTC).",
            show_default=False,
        ),
    ] = False,
    runs: Runs = DEFAULT_RUNS,
) -> int:
    """List the images that a run leaves out.

    All that was ever left out or restored is in the run's outliers.csv.
    """
    from engine.core.text import printable
    from engine.journal.index import past_state
    from engine.journal.log import JournalReader
    from engine.run.directory import find_run
    from tui.cli.outliers.left_out import as_table, print_left_out
    from tui.cli.say import note, print_json

    found = find_run(runs, run)
    stage = past_state(JournalReader(found.journal)).outliers
    left_out = list(stage.excluded.values())
    if json:
        print_json(as_table(left_out))
        return 0
    if left_out:
        print_left_out(left_out)
    else:
        off = stage.method == "none"
        why = "outliers.method is none" if off else "no outlier" if stage.done else "the stage isn't done"
        note(f"run {printable(found.name)} leaves no image out ({why})")
    return 0
