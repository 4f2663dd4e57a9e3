"""`vrdl-tui runs`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Runs

if TYPE_CHECKING:
    from tui.cli.summary import Summary

_HEADS = ("run", "state", "epoch", "best", "model", "last word", "tags")


def runs(
    *wanted: Annotated[
        str,
        Parameter(
            help="List only runs like this, all words together: words found in name, model, data, tags, host or "
            "state; 'best>90', 'model:resnet*', 'tag:final', 'duration<2h', 'started>2026-01-31' "
            "(quoted: the shell takes > and * for itself)."
        ),
    ],
    json: Annotated[
        bool,
        Parameter(
            help="Print a JSON list, newest first, of objects with: name, path, state (starting, running, "
            "paused, finished, stopped, interrupted, failed), reason, model, data, epoch, epochs, best "
            "(percent or loss), best_epoch, monitor (val_acc or val_loss), test_acc, "
            "test_macro_f1, test_images (of labelled test images), lr, started and updated (UTC), "
            "duration (seconds), host, tags, note; null: not known yet.",
            show_default=False,
        ),
    ] = False,
    empty_trash: Annotated[
        bool,
        Parameter(
            help="Remove for good the runs that the console moved to the trash.",
            show_default=False,
        ),
    ] = False,
    runs: Runs = DEFAULT_RUNS,
) -> int:
    """List the runs in a folder and the folders below it, newest first."""
    from engine.run.directory import find_runs
    from tui.cli.say import print_json
    from tui.cli.summary import summarize
    from tui.run_filter import parse_filter
    from tui.run_rows import read_row

    if empty_trash:
        return _empty_trash(runs, alone=not wanted and not json)
    passes = parse_filter(" ".join(wanted))
    rows = [read_row(found) for found in find_runs(runs)]
    summaries = [summarize(row, row.facts) for row in rows if row.facts is not None and passes(row)]
    if json:
        print_json(summaries)
    elif summaries:
        _print_table(summaries)
        _say_waiting(summaries)
    else:
        _say_none(runs, len(rows))
    return 0


def _empty_trash(runs: Path, *, alone: bool) -> int:
    from engine.core.errors import UserError
    from engine.run.moves import empty_trash, trash_folder
    from tui.cli.naming import shown_path

    if not alone:
        raise UserError("--empty-trash removes every run in the trash: it goes with no filter and no --json")
    folder = shown_path(trash_folder(runs))
    try:
        removed = empty_trash(runs)
    except OSError as error:
        raise UserError(f"{folder} can't be emptied: {error.strerror}") from None
    print(f"removed {removed} {'run' if removed == 1 else 'runs'} from {folder}")
    return 0


def _say_none(runs: Path, others: int) -> None:
    from tui.cli.naming import shown_path
    from tui.cli.say import note

    if others:
        note(f"none of the {others} runs in {shown_path(runs)} is like that")
    else:
        note(f"no runs in {shown_path(runs)}; start one with: vrdl-tui train DATA")


def _say_waiting(summaries: "list[Summary]") -> None:
    from engine.core.text import printable
    from tui.cli.say import note

    for summary in summaries:
        if summary.state == "paused" and summary.reason:
            note(f"{printable(summary.name)} is paused: {printable(summary.reason)}")


def _print_table(summaries: "list[Summary]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:  # for grep and awk: never cut
        console.width = 10_000
    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = len(_HEADS) if any(summary.tags for summary in summaries) else len(_HEADS) - 1
    for head in _HEADS[:shown]:
        table.add_column(head, no_wrap=True, overflow="ellipsis", min_width=4)
    for summary in summaries:
        table.add_row(*(Text(cell) for cell in summary.cells()[:shown]))
    console.print(table)
