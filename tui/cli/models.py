"""`vrdl-tui models`."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tui.cli.options import Offline

if TYPE_CHECKING:
    from engine.recipe.timm_catalogue import ModelFact, Table
    from tui.widgets.model_query import ModelRow

_HEADS = ("model", "Mparams", "px", "top-1", "at px", "here", "licence")
# Building one takes a fifth of a second: of so many a query counts the parameters itself.
_MOST_COUNTED = 100


def models(
    *query: Annotated[
        str,
        Parameter(
            help="Words of the name, and any of: 'params<30' (millions), 'top1>85', 'size<=256', "
            "licence:mit, here, candidate. In quotes: a shell would take < and > for files."
        ),
    ],
    json: Annotated[
        bool,
        Parameter(
            help="Print a JSON list of objects with: name, parameters (of the model with 1,000 classes), size "
            "(px of its training images), val_size (of its validation images), fixed_size (whether it is built for one "
            "size), classes, licence, published (whether weights are), here, candidate, "
            "figures (a list: size, top1, top5, parameters and multiply_adds in millions and billions, "
            "source); null: not known.",
            show_default=False,
        ),
    ] = False,
    offline: Offline = False,
) -> int:
    """List timm's models: sizes, licences, ImageNet figures, weights at hand.

    The first call for a version of timm reads its names (some seconds); parameters
    are counted once for what a query finds. candidate: in the report's table of the
    models it chose from; here: its weights need no download. Unknown is shown as ?.
    Exit code: 0 listed, 1 failed, 2 bad input.
    """
    from engine.core.offline import forbid_network
    from engine.recipe.timm_catalogue import read_table, table_path, weights_here
    from tui.cli.say import note
    from tui.helper import HelperError
    from tui.widgets.model_query import compares_parameters, find, model_rows, without_parameters

    if offline:
        forbid_network()
    typed = " ".join(query)
    path, here = table_path(), weights_here()
    try:
        table = read_table(path) or _write(["--names"])
        narrow = find(model_rows(table, here), without_parameters(typed))
        missing = {row.fact.architecture for row in narrow} & {*table.uncounted}
        if missing and len(missing) <= _MOST_COUNTED:
            table = _write(sorted(missing))
            missing = set()
    except HelperError as error:
        note(f"vrdl-tui: models: {error}")
        return 1
    found = find(model_rows(table, here), typed)
    if json:
        _print_json(found, table)
    elif found:
        _print_table(found)
    else:
        note("no model fits; vrdl-tui models --help says what can be asked for")
    if missing and (compares_parameters(typed) or not json):
        note(
            f"the parameters of {len(missing):,} architectures are not counted yet: a narrower query counts its own"
        )
    return 0


def _write(arguments: list[str]) -> "Table":
    """Have the table written and return it. Raises UserError, HelperError."""
    from engine.recipe.timm_catalogue import read_table, table_path
    from tui.helper import HelperError, run_helper
    from tui.progress import ProgressBar

    with ProgressBar() as bar:

        def told(fact: dict[str, Any]) -> None:
            if fact.get("total"):
                bar.draw("counting parameters", int(fact.get("done", 0)), int(fact["total"]))
            elif "names" not in fact and "written" not in fact:
                bar.draw("reading timm's names", 0, 1)

        run_helper("engine.tools.timm_table", [str(table_path()), *arguments], told)
    table = read_table(table_path())
    if table is None:
        raise HelperError("the table of models was written and can't be read")
    return table


def _print_json(found: "list[ModelRow]", table: "Table") -> None:
    from engine.recipe.timm_catalogue import figures_of
    from tui.cli.say import print_json

    listed = [
        {
            "name": row.fact.name,
            "parameters": table.parameters.get(row.fact.architecture),
            "size": row.fact.size or None,
            "val_size": row.fact.val_size or row.fact.size or None,
            "fixed_size": row.fact.fixed,
            "classes": row.fact.classes or None,
            "licence": row.fact.licence or None,
            "published": row.fact.published,
            "here": row.here,
            "candidate": row.candidate,
            "figures": [
                {
                    "size": figure.size,
                    "top1": figure.top1,
                    "top5": figure.top5,
                    "parameters": figure.parameters,
                    "multiply_adds": figure.multiply_adds,
                    "source": figure.source,
                }
                for figure in figures_of(row.fact.name)
            ],
        }
        for row in found
    ]
    print_json(listed)


def _pixels(fact: "ModelFact") -> str:
    """Return the side of training images, and that of validation images or that the model is built for one size."""
    more = " fixed" if fact.fixed else f"/{fact.val_size}" if fact.val_size else ""
    return f"{fact.size}{more}" if fact.size else "?"


def _print_table(found: "list[ModelRow]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from engine.core.text import printable

    console = Console(highlight=False)
    if not console.is_terminal:  # for grep and awk: never cut
        console.width = 10_000
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in _HEADS:
        right = head in ("Mparams", "px", "top-1", "at px")
        table.add_column(head, no_wrap=True, overflow="ellipsis", justify="right" if right else "left")
    for row in found:
        figure = row.figure
        cells = (
            row.fact.name,
            f"{row.parameters:.1f}" if row.parameters is not None else "?",
            _pixels(row.fact),
            f"{figure.top1:.2f}" if figure else "?",
            str(figure.size) if figure else "",
            "yes" if row.here else "no" if row.fact.published else "none",
            (row.fact.licence or "?") + (" (candidate)" if row.candidate else ""),
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)
