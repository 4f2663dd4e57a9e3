"""`vrdl-tui compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Runs, given_path

if TYPE_CHECKING:
    from engine.analysis.compare import Comparison
    from engine.run.directory import RunDir

_HEADS = ("run", "val acc", "95 % interval", "at", "epochs", "val loss", "time", "against the best")
_TEST_HEADS = ("test acc", "test F1")


def compare(
    *run: Annotated[str, Parameter(help="Names of two to twelve runs, or their paths.")],
    png: Annotated[
        Path | None, Parameter(converter=given_path, help="Picture to write: curves and best accuracies.")
    ] = None,
    csv: Annotated[
        Path | None, Parameter(converter=given_path, help="File to write: a row for each epoch of each run.")
    ] = None,
    markdown: Annotated[
        Path | None,
        Parameter(converter=given_path, help="File to write: figures, verdicts, differences of the recipes."),
    ] = None,
    json: Annotated[
        bool,
        Parameter(
            help="Print an object: runs (a list, in the order given: name, path, state, model, data, epochs, "
            "planned_epochs, monitor, best_epoch, val_acc, val_acc_low, val_acc_high, val_images, val_loss, "
            "train_acc, seconds, against_best: null for the best run, else method (images, intervals, none), "
            "differs, images, best_only, other_only, p, p_corrected, why; of labelled test images: test_acc, "
            "test_acc_low, test_acc_high, test_macro_f1, test_images, test_against_best), best (its position, "
            "from 0), alpha, "
            "differences (a list: key, values in the order of runs); percents, seconds; null: not known.",
            show_default=False,
        ),
    ] = False,
    runs: Runs = DEFAULT_RUNS,
) -> int:
    """Compare runs: best figures, whether they differ by more than noise, recipes.

    Each run is compared with the best one, image by image where both judged the
    same validation images (McNemar's exact test, Holm's correction for several),
    else by the 95 % intervals of their accuracies; on labelled test images too,
    where both have predicted them. Files are never overwritten.
    Exit code: 0 done, 1 failed, 2 bad input.
    """
    from engine.analysis.compare import read_comparison
    from engine.analysis.compare_tables import as_csv, as_json, as_markdown
    from engine.core.files import replace_file
    from engine.core.paths import expand_home
    from engine.core.text import printable_json
    from tui.cli.say import note
    from tui.helper import HelperError, run_helper

    found = _find(runs, run)
    wanted = [
        (expand_home(file), kind)
        for kind, file in (("png", png), ("csv", csv), ("markdown", markdown))
        if file
    ]
    _check_targets([file for file, _ in wanted])
    comparison = read_comparison(found)
    for target, kind in wanted:
        if kind == "png":
            arguments = ["--png", str(target.absolute()), *(str(one.path.absolute()) for one in found)]
            try:
                run_helper("engine.tools.compare", arguments, lambda _fact: None)
            except HelperError as error:
                note(f"vrdl-tui: compare: {error}")
                return 1
        else:
            replace_file(target, (as_csv if kind == "csv" else as_markdown)(comparison).encode())
    if json:
        print(printable_json(as_json(comparison).decode()), end="")
    else:
        _print(comparison)
    for target, _ in wanted:
        _note_written(target)
    return 0


def _find(runs: Path, names: tuple[str, ...]) -> "list[RunDir]":
    from engine.analysis.compare import check_number
    from engine.core.errors import UserError
    from engine.core.text import printable
    from engine.run.directory import find_run

    if not names:
        raise UserError("which runs? vrdl-tui compare RUN RUN; vrdl-tui runs lists them")
    found = [find_run(runs, name) for name in names]
    check_number(len(found))
    places = [one.path.resolve() for one in found]
    for number, (name, place) in enumerate(zip(names, places, strict=True)):
        if place in places[:number]:
            raise UserError(f"run {printable(name)} is named twice")
    return found


def _check_targets(files: list[Path]) -> None:
    """Raises UserError rather than overwrite what may be precious."""
    from engine.core.errors import UserError
    from engine.core.text import printable

    for number, file in enumerate(files):
        if file.exists() or file.is_symlink():
            raise UserError(f"{printable(str(file))} exists already; name another file")
        if file.absolute() in [other.absolute() for other in files[:number]]:
            raise UserError(f"{printable(str(file))} is named twice")
        if not file.absolute().parent.is_dir():
            raise UserError(f"no such folder: {printable(str(file.parent))}")


def _note_written(file: Path) -> None:
    from tui.cli.naming import shown_path
    from tui.cli.say import note

    note(f"written: {shown_path(file)}")


def _print(comparison: "Comparison") -> None:
    from engine.analysis.compare_tables import grounds, sentence
    from engine.core.text import printable
    from tui.cli.say import tell

    heads = (*_HEADS[:3], *_TEST_HEADS, *_HEADS[3:]) if comparison.scored else _HEADS
    _print_table(heads, [_row(comparison, at) for at in range(len(comparison.entrants))])
    print()
    for at, one in enumerate(comparison.entrants):
        tell(f"{printable(one.name)}: {printable(sentence(comparison, at))}")
    print()
    if comparison.differences:
        rows = [(one.key, *map(printable, one.values)) for one in comparison.differences]
        _print_table(("recipe", *(printable(one.name) for one in comparison.entrants)), rows)
    else:
        print("their recipes are the same")
    for said in grounds(comparison):
        print()
        tell(said)


def _row(comparison: "Comparison", at: int) -> tuple[str, ...]:
    from engine.analysis.compare_tables import p_value, short
    from engine.core.text import printable
    from tui.widgets.wording import duration

    one, test = comparison.entrants[at], comparison.tests[at]
    best, interval = one.best, one.interval
    scored = (f"{one.test.acc:.2f} %", f"{one.test.macro_f1:.2f} %") if one.test else ("", "")
    p = f", p {p_value(test.corrected)}" if test is not None and test.corrected is not None else ""
    return (
        printable(one.name),
        f"{best.val_acc:.2f} %" if best else "",
        f"{interval[0]:.2f} to {interval[1]:.2f} %" if interval else "",
        *(scored if comparison.scored else ()),
        str(best.epoch) if best else "",
        f"{len(one.epochs)}/{one.planned}" if one.planned else "",
        f"{best.val_loss:.5f}" if best else "",
        duration(one.seconds),
        short(comparison, at) + p,
    )


def _print_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:  # for grep and awk: never cut
        console.width = 10_000
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(Text(head), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
