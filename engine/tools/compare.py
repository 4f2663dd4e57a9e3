"""``python -m engine.tools.compare --png FILE RUN_DIR…``: draw a comparison of runs.

Prints ``{"path": …}`` once the file is written.
"""

import argparse
import sys
from pathlib import Path

from engine.analysis.compare import read_comparison
from engine.run.directory import RunDir
from engine.tools.helper import run, say


def main() -> None:
    """Draw the comparison of the runs given on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.compare")
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--png", type=Path, required=True)
    arguments = parser.parse_args()
    comparison = read_comparison([RunDir(path) for path in arguments.runs])
    from engine.figures.compare import draw_comparison

    draw_comparison(arguments.png, comparison)
    say({"path": str(arguments.png)})


if __name__ == "__main__":
    sys.exit(run(main))
