"""``python -m engine.predict_main RUN_DIR…``: predict a test folder with the weights of finished or living runs.

Prints JSON lines: ``{"done": n, "total": m}`` as it goes, ``{"path": …, "rows": n}`` at the end.
"""

import argparse
import json
import sys
from pathlib import Path

from engine.errors import UserError
from engine.layout import list_images
from engine.recipe import load_recipe
from engine.rundir import RunDir
from engine.text import printable


def main() -> int:
    """Return the exit code: 0 written, 1 failed, 2 bad input (one line on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m engine.predict_main")
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--test", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tta", action="store_true")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    arguments = parser.parse_args()
    try:
        runs = [RunDir(path) for path in arguments.runs]
        folder = arguments.test or _own_test_folder(runs[0])
        paths = [folder / name for name in list_images(folder)]
        if not paths:
            raise UserError(f"no images in {printable(str(folder))}")
        from engine.ensemble import predict_runs

        rows = predict_runs(runs, paths, arguments.out, arguments.checkpoint, flip=arguments.tta, say=_say)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(str(error)), file=sys.stderr)
        return 1
    _say({"path": str(arguments.out), "rows": rows})
    return 0


def _own_test_folder(run: RunDir) -> Path:
    folder = load_recipe(run.recipe).data.test
    if not folder:
        raise UserError(
            f"run {printable(run.name)} has no test folder in its recipe; name one with --test DIR"
        )
    return Path(folder)


def _say(table: dict[str, str | int]) -> None:
    print(json.dumps(table), flush=True)


if __name__ == "__main__":
    sys.exit(main())
