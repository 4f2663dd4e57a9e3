"""``python -m engine.predict_main RUN_DIR…``: predict a test folder with the weights of finished or living runs.

Prints JSON lines: ``{"done": n, "total": m}`` as it goes and while it waits, ``{"path": …, "rows": n}`` at the end.
"""

import argparse
import json
import os
import sys
import threading
from pathlib import Path

from engine.errors import UserError
from engine.layout import list_images
from engine.offline import keep_offline
from engine.recipe import load_recipe
from engine.rundir import RunDir
from engine.text import printable

_BEAT = 0.4
# Below every engine: a training beside it keeps its pace.
_NICE = 19


def main() -> int:
    """Return the exit code: 0 written, 1 failed, 2 bad input (one line on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m engine.predict_main")
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--test", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--probabilities", type=Path)
    parser.add_argument("--tta", action="store_true")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    parser.add_argument("--beside", action="store_true", help="give way to an engine that trains")
    arguments = parser.parse_args()
    keep_offline()
    if arguments.beside:
        os.nice(_NICE)
    teller = _Teller()
    try:
        runs = [RunDir(path) for path in arguments.runs]
        folder = arguments.test or _own_test_folder(runs[0])
        paths = [folder / name for name in list_images(folder)]
        if not paths:
            raise UserError(f"no images in {printable(str(folder))}")
        teller.begin(len(paths) * len(runs))
        from engine.ensemble import predict_runs

        rows = predict_runs(
            runs, paths, arguments.out, arguments.checkpoint,
            flip=arguments.tta, probabilities=arguments.probabilities, say=teller.say,
        )  # fmt: skip
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(str(error)), file=sys.stderr)
        return 1
    teller.say({"path": str(arguments.out), "rows": rows})
    return 0


def _own_test_folder(run: RunDir) -> Path:
    folder = load_recipe(run.recipe).data.test
    if not folder:
        raise UserError(
            f"run {printable(run.name)} has no test folder in its recipe; name one with --test DIR"
        )
    return Path(folder)


class _Teller:
    """Prints facts, and the newest again while none comes: who reads sees life, and can end this at any time."""

    def __init__(self) -> None:
        self._newest: dict[str, str | int] = {}
        self._guard = threading.Lock()
        self._news = threading.Event()

    def begin(self, total: int) -> None:
        self.say({"done": 0, "total": total})
        threading.Thread(target=self._repeat, name="beat", daemon=True).start()

    def say(self, fact: dict[str, str | int]) -> None:
        with self._guard:
            self._newest = fact
            print(json.dumps(fact), flush=True)
        self._news.set()

    def _repeat(self) -> None:
        while True:
            if self._news.wait(_BEAT):
                self._news.clear()
                continue
            with self._guard:
                try:
                    print(json.dumps(self._newest), flush=True)
                except OSError:
                    # Nobody reads any more.
                    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
