"""``python -m engine.confusion_main MATRIX.csv PICTURE.png --title TEXT``: draw a written confusion matrix.

Prints one JSON line, ``{"path": …}``, when the picture is there.
"""

import argparse
import json
import sys
from pathlib import Path

from engine.confusion import read_matrix
from engine.errors import UserError
from engine.text import printable


def main() -> int:
    """Return the exit code: 0 written, 1 failed, 2 bad input (one line on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m engine.confusion_main")
    parser.add_argument("matrix", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--title", default="")
    arguments = parser.parse_args()
    try:
        cells, classes = read_matrix(arguments.matrix)
        from engine.figures import draw_confusion_matrix

        draw_confusion_matrix(arguments.picture, cells, classes, arguments.title)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(str(error)), file=sys.stderr)
        return 1
    print(json.dumps({"path": str(arguments.picture)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
