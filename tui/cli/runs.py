"""`vrdl-tui runs`."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Runs

if TYPE_CHECKING:
    from tui.cli.summary import Summary

_HEADS = ("run", "state", "epoch", "best", "model", "last word")


def runs(
    *,
    json: Annotated[
        bool,
        Parameter(
            help="Print a JSON list, newest first, of objects with: name, path, state (starting, running, "
            "paused, finished, stopped, interrupted, failed), reason, model, data, epoch, epochs, best "
            "(percent or loss), best_epoch, monitor (val_acc or val_loss), lr, started and updated (UTC); "
            "null: not known yet.",
            show_default=False,
        ),
    ] = False,
    runs: Runs = DEFAULT_RUNS,
) -> int:
    """List the runs, newest first."""
    from engine.rundir import list_runs
    from tui.cli.summary import summarize

    summaries = [summarize(run) for run in list_runs(runs)]
    if json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(summaries), indent=2).decode())
    elif summaries:
        _print_table(summaries)
    else:
        from tui.cli.naming import shown_path
        from tui.cli.say import note

        note(f"no runs in {shown_path(runs)}; start one with: vrdl-tui train DATA")
    return 0


def _print_table(summaries: "list[Summary]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:  # for grep and awk: never cut
        console.width = 10_000
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in _HEADS:
        table.add_column(head, no_wrap=True, overflow="ellipsis", min_width=4)
    for summary in summaries:
        table.add_row(*(Text(cell) for cell in summary.cells()))
    console.print(table)
