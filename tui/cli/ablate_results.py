"""What an ablation found: the table on stdout, CSV files and plots in its folder."""

from pathlib import Path
from typing import Any

from engine.analysis.ablation import Effect, Plan, effects, effects_csv, runs_csv, verdict
from engine.analysis.compare import RunReader
from engine.analysis.stats import Mean
from engine.core.files import replace_file
from engine.core.text import printable
from engine.run.directory import RunDir
from tui.cli.naming import shown_path
from tui.cli.say import note, tell
from tui.helper import HelperError, run_helper

_HEADS = ("experiment", "seeds", "without", "with", "difference", "")


def tell_results(folder: Path, plan: Plan) -> int:
    """Print the table, write the files, and return the exit code: 0 done, 1 no plots."""
    results = {
        (one.arm, one.seed): RunReader(RunDir(folder / one.name)).read() for one in plan.trainings
    }  # fmt: skip
    found = effects(plan, results)
    replace_file(folder / "runs.csv", runs_csv(plan, results).encode())
    replace_file(folder / "effects.csv", effects_csv(found).encode())
    _print(found)
    pictures: list[str] = []

    def told(fact: dict[str, Any]) -> None:
        pictures.append(Path(str(fact.get("path", ""))).name)

    try:
        run_helper("engine.tools.ablation", [str(folder)], told)
    except HelperError as error:
        note(f"vrdl-tui: ablate: the plots can't be drawn: {error}")
        return 1
    note(f"written in {shown_path(folder)}: runs.csv, effects.csv, {', '.join(pictures)}")
    return 0


def _print(found: list[Effect]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:  # for grep and awk: never cut
        console.width = 10_000
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in _HEADS:
        table.add_column(head, overflow="fold")
    for one in found:
        cells = (
            _named(one),
            str(one.difference.n),
            _percent(one.without),
            _percent(one.with_),
            _points(one.difference),
        )
        table.add_row(*map(Text, (*cells, verdict(one))))
    console.print(table)
    print()
    tell(
        "Best validation accuracy of each run: mean ± 95 % interval over the seeds (Student's t), each on its own; "
        "the difference is that of the same seeds. All is chosen and judged on the same validation images."
    )


def _named(one: Effect) -> str:
    return printable(f"{one.experiment.name} ({one.experiment.key}={one.experiment.value})")


def _percent(mean: Mean) -> str:
    return f"{mean.mean:.2f}{_reach(mean)} %"


def _points(mean: Mean) -> str:
    return f"{mean.mean:+.2f}{_reach(mean)}"


def _reach(mean: Mean) -> str:
    return "" if mean.high is None else f" ± {mean.high - mean.mean:.2f}"
