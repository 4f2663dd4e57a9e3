"""``python -m engine.compare_main --png FILE RUN_DIR…``: draw a comparison of runs; prints ``{"path": …}``."""

import argparse
import json
import sys
from pathlib import Path

from engine.compare_reading import read_comparison
from engine.errors import UserError
from engine.rundir import RunDir
from engine.text import printable


def main() -> int:
    """Return the exit code: 0 written, 1 failed, 2 bad input (one line on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m engine.compare_main")
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--png", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        comparison = read_comparison([RunDir(path) for path in arguments.runs])
        from engine.compare_figure import draw_comparison

        draw_comparison(arguments.png, comparison)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(str(error)), file=sys.stderr)
        return 1
    print(json.dumps({"path": str(arguments.png)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
