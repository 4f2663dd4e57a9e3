"""``python -m engine.tools.confusion MATRIX.csv PICTURE.png --title TEXT``: draw a confusion matrix from a CSV file.

Prints ``{"path": …}`` once the file is written.
"""

import argparse
import sys
from pathlib import Path

from engine.analysis.confusion import read_matrix
from engine.tools.helper import run, say


def main() -> None:
    """Draw the matrix given on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.confusion")
    parser.add_argument("matrix", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--title", default="")
    arguments = parser.parse_args()
    cells, classes = read_matrix(arguments.matrix)
    from engine.figures.confusion import draw_confusion_matrix

    draw_confusion_matrix(arguments.picture, cells, classes, arguments.title)
    say({"path": str(arguments.picture)})


if __name__ == "__main__":
    sys.exit(run(main))
