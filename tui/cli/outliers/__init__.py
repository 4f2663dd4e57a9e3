"""`vrdl-tui outliers`: images that don't belong to their class."""

from cyclopts import App

outliers = App(
    name="outliers",
    help="Find images that don't belong to their class; list and restore those that a run left out.",
)
for _order, _name in enumerate(("scan", "list", "restore")):
    outliers.command(f"tui.cli.outliers.{_name}:{_name}_", name=_name, sort_key=_order)
