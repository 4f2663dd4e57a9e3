"""``python -m engine.tools.predict RUN_DIR…``: predict a test folder with the weights of one or more runs.

The runs may be running. Prints ``{"done": n, "total": m}`` for progress and at the end ``{"path": …, "rows": n,
"images": n, "read": n, "notes": […], "score": …, "unrecorded": …}``: the rows written, the test images and how many of
them could be read, what there is to say about them, the score in words ("" if test images lie in no folder), and why
the run's journal lacks it, else "".
"""

import argparse
import os
import sys
from pathlib import Path

from engine.core.errors import UserError, is_out_of_memory
from engine.core.offline import keep_offline
from engine.core.text import names, printable
from engine.layout.listing import labels_of, unlabelled_folders
from engine.layout.tree import list_images
from engine.recipe.recipe import load_recipe
from engine.run.directory import RunDir
from engine.tools.helper import run, say

# The lowest priority, so that a training on the same machine isn't slowed down.
_NICE = 19
_NAMED = 5


def main() -> None:
    """Write the prediction requested on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.predict")
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--test", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--probabilities", type=Path)
    parser.add_argument("--tta", action="store_true")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    parser.add_argument("--unreadable", choices=("skip", "blank", "majority"))
    parser.add_argument("--beside", action="store_true", help="run at low priority, next to a running engine")
    arguments = parser.parse_args()
    keep_offline()
    if arguments.beside:
        os.nice(_NICE)
    runs = [RunDir(path) for path in arguments.runs]
    folder, recursive = (arguments.test, True) if arguments.test else _own_test_folder(runs[0])
    images = list_images(folder, recursive=recursive)
    paths = [folder / image for image in images]
    if not paths:
        raise UserError(f"no images in {printable(str(folder))}")
    unreadable = arguments.unreadable or load_recipe(runs[0].recipe).predict.unreadable
    say({"done": 0, "total": len(paths) * len(runs)})
    from engine.training.predict import predict_runs, shared_names

    try:
        written = predict_runs(
            runs, paths, arguments.out, arguments.checkpoint,
            root=folder, unreadable=unreadable, flip=arguments.tta, probabilities=arguments.probabilities, say=say,
            labels=lambda classes: dict(zip(paths, labels_of(images, classes), strict=True)),
        )  # fmt: skip
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            "it is out of memory: lower data.batch_size or data.workers in the run's recipe.toml"
        ) from error
    # What the engine itself writes at a run's end.
    own = arguments.out.absolute() == runs[0].prediction.absolute() and not arguments.test
    plain = own and len(runs) == 1 and not arguments.tta and arguments.checkpoint == "best"
    unrecorded = ""
    if plain:
        from engine.training.recording import record_prediction

        unrecorded = record_prediction(runs[0], written)
    unknown = unlabelled_folders(images, labels_of(images, written.classes))
    score = written.scored.words if written.scored is not None else "not scored" if unknown else ""
    if unknown:
        score += f"; no class of the run: {names(unknown)}"
    notes = [
        _not_read(written.unreadable, folder, unreadable),
        shared_names(paths, folder),
        *written.warnings,
    ]
    say(
        {
            "path": str(arguments.out), "rows": written.rows, "images": len(paths), "read": written.read,
            "notes": [note for note in notes if note], "score": score, "unrecorded": unrecorded,
        }
    )  # fmt: skip


_ROWS = {
    "skip": "no row for them; --unreadable=blank or majority writes one each",
    "blank": "their rows have no label",
    "majority": "their rows have the most frequent label",
}


def _not_read(reasons: dict[Path, str], folder: Path, unreadable: str) -> str:
    """Return a note on the test images that can't be read, "" if there are none."""
    if not reasons:
        return ""
    named = [f"{os.path.relpath(path, folder)} ({reason})" for path, reason in list(reasons.items())[:_NAMED]]
    more = f" and {len(reasons) - _NAMED:,} more" if len(reasons) > _NAMED else ""
    shown = "; ".join(printable(name, 200) for name in named)
    return f"not read: {shown}{more}: {_ROWS[unreadable]}"


def _own_test_folder(run: RunDir) -> tuple[Path, bool]:
    """Return the test folder of the run's recipe, and whether its images may lie in sub-folders."""
    data = load_recipe(run.recipe).data
    if not data.test:
        raise UserError(
            f"run {printable(run.name)} has no test folder in its recipe; name one with --test DIR"
        )
    return Path(data.test), data.recursive


if __name__ == "__main__":
    sys.exit(run(main))
