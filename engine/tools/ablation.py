"""``python -m engine.tools.ablation DIR``: draw the report's plots of an ablation, one PNG per experiment.

Prints ``{"path": …}`` for each file.
"""

import argparse
import sys
from pathlib import Path

from engine.analysis.ablation import load_plan
from engine.analysis.compare import RunReader
from engine.core.errors import UserError
from engine.core.text import printable
from engine.run.directory import RunDir, is_run
from engine.tools.helper import run, say


def main() -> None:
    """Draw the plots of the ablation given on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.ablation")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    plan = load_plan(folder)
    if plan is None:
        raise UserError(f"no ablation in {printable(str(folder))}")
    runs = [(one.arm, one.seed, RunDir(folder / one.name)) for one in plan.trainings]
    results = {(arm, seed): RunReader(run).read() for arm, seed, run in runs if is_run(run.path)}
    from engine.figures.ablation import draw_experiment

    for experiment in plan.experiments:
        path = folder / f"{experiment.name}.png"
        draw_experiment(path, experiment, plan, results)
        say({"path": str(path)})


if __name__ == "__main__":
    sys.exit(run(main))
