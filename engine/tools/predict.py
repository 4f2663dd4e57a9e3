"""``python -m engine.tools.predict RUN_DIR…``: predict a test folder with the weights of one or more runs.

The runs may be running. Prints ``{"done": n, "total": m}`` for progress and ``{"path": …, "rows": n}`` at the end.
"""

import argparse
import os
import sys
from pathlib import Path

from engine.core.errors import UserError, is_out_of_memory
from engine.core.offline import keep_offline
from engine.core.text import printable
from engine.layout.tree import list_images
from engine.recipe.recipe import load_recipe
from engine.run.directory import RunDir
from engine.tools.helper import run, say

# The lowest priority, so that a training on the same machine isn't slowed down.
_NICE = 19


def main() -> None:
    """Write the prediction requested on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.predict")
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--test", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--probabilities", type=Path)
    parser.add_argument("--tta", action="store_true")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    parser.add_argument("--beside", action="store_true", help="run at low priority, next to a running engine")
    arguments = parser.parse_args()
    keep_offline()
    if arguments.beside:
        os.nice(_NICE)
    runs = [RunDir(path) for path in arguments.runs]
    folder = arguments.test or _own_test_folder(runs[0])
    paths = [folder / name for name in list_images(folder)]
    if not paths:
        raise UserError(f"no images in {printable(str(folder))}")
    say({"done": 0, "total": len(paths) * len(runs)})
    from engine.training.predict import predict_runs

    try:
        rows = predict_runs(
            runs, paths, arguments.out, arguments.checkpoint,
            flip=arguments.tta, probabilities=arguments.probabilities, say=say,
        )  # fmt: skip
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            "it is out of memory: lower data.batch_size or data.workers in the run's recipe.toml"
        ) from error
    say({"path": str(arguments.out), "rows": rows})


def _own_test_folder(run: RunDir) -> Path:
    folder = load_recipe(run.recipe).data.test
    if not folder:
        raise UserError(
            f"run {printable(run.name)} has no test folder in its recipe; name one with --test DIR"
        )
    return Path(folder)


if __name__ == "__main__":
    sys.exit(run(main))
