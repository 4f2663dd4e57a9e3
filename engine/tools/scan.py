"""``python -m engine.tools.scan RECIPE_JSON``: find outliers among training images without changing anything.

Prints JSON lines: ``{"what": …, "done": n, "total": m}`` for progress, ``{"bad": path, "reason": …}`` for an unreadable
image, and a verdict for each class, ``{"class": …, "threshold": …, "files": […], "errors": […], …}``.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from pydantic import ValidationError

from engine.core.errors import UserError
from engine.core.offline import keep_offline
from engine.core.text import encodable, printable
from engine.recipe.recipe import Recipe
from engine.tools.helper import run, say

if TYPE_CHECKING:
    from engine.data.loading.pool import Pool


def main() -> None:
    """Scan the data of the recipe given on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.scan")
    parser.add_argument("recipe", help="the recipe as JSON")
    arguments = parser.parse_args()
    keep_offline()
    try:
        recipe = Recipe.model_validate_json(arguments.recipe)
    except ValidationError as error:
        raise UserError(str(error)) from None
    _scan(recipe)


def _scan(recipe: Recipe) -> None:
    say({"what": "starting", "done": 0, "total": 0})
    from engine.data.loading.pool import Pool, worker_count

    pool = Pool(worker_count(recipe.data.workers))
    try:
        _print_verdicts(recipe, pool)
    finally:
        pool.close()


def _print_verdicts(recipe: Recipe, pool: "Pool") -> None:
    from engine.core.throttle import Throttle
    from engine.data.images import ImageSet, as_listed
    from engine.outliers.detect.detect import Detection
    from engine.outliers.detect.reading import Reader

    data = as_listed(recipe.data)
    total, read, due = len(data.train) + len(data.val), 0, Throttle()

    def tick(count: int) -> None:
        nonlocal read
        read += count
        if due() or read == total:
            say({"what": "reading", "done": read, "total": total})

    def on_epoch(label: int, epoch: int, _loss: float) -> None:
        if due():
            done, all_epochs = (
                label * recipe.outliers.epochs + epoch,
                recipe.outliers.epochs * len(data.classes),
            )
            say({"what": f"class {label + 1} of {len(data.classes)}", "done": done, "total": all_epochs})

    def on_bad(images: ImageSet, index: int, reason: str) -> None:
        say({"bad": encodable(str(images.paths[index])), "reason": printable(reason)})

    reader = Reader(recipe, pool, on_bad, lambda: None, tick)
    for group in Detection(recipe, data, reader, on_epoch).verdicts(()):
        for verdict in group:
            likes = [data.classes[like] if like >= 0 else "" for like in verdict.looks_like]
            say(
                {
                    "class": data.classes[verdict.label],
                    "files": [encodable(str(data.train.paths[index])) for index in verdict.images],
                    "errors": verdict.errors,
                    "flagged": verdict.flagged,
                    "looks_like": likes or [""] * len(verdict.images),
                    "first_threshold": verdict.first_threshold,
                    "largest_val_error": verdict.largest_val_error,
                    "threshold": verdict.threshold,
                    "relaxed": verdict.relaxed,
                    "note": verdict.note,
                }
            )


if __name__ == "__main__":
    sys.exit(run(main))
