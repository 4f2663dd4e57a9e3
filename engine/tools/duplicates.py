"""``python -m engine.tools.duplicates DATA_JSON [--picture FILE]``: find copies of images in the folders of a recipe.

DATA_JSON is the recipe's ``[data]``. Prints JSON lines: ``{"what": …, "done": n, "total": m}`` for progress; then for
each group of copies, exact ones first and the worst kinds first, ``{"exact": …, "kind": …, "conflict": …, "images":
[{"split": …, "class": …, "path": …}, …]}``; and last ``{"images": n, "omitted": {reason: n}, "pictured": n}``.
"""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from engine.core.errors import UserError
from engine.core.text import encodable
from engine.core.throttle import Throttle
from engine.data.duplicates import near_copies
from engine.layout.copies import KINDS, Copies, exact_copies, images_of
from engine.layout.listing import list_data
from engine.recipe.sections import Data
from engine.tools.helper import run, say


def main() -> None:
    """Look at the data given on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.duplicates")
    parser.add_argument("data", help="the recipe's [data] as JSON")
    parser.add_argument("--picture", type=Path, help="file to write with a contact sheet of the copies")
    arguments = parser.parse_args()
    try:
        data = Data.model_validate_json(arguments.data)
    except ValidationError as error:
        raise UserError(str(error)) from None
    images = images_of(list_data(data, splits=False, refuse_shared=False, least=1))
    exact = exact_copies(images, _Progress("comparing files", len(images)))
    near = near_copies(images, exact, _Progress("reading images", len(images)))
    kinds = list(KINDS)
    copies = sorted([*exact, *near.copies], key=lambda one: (not one.exact, kinds.index(one.kind)))
    for one in copies:
        say(_as_fact(one))
    pictured = 0
    if arguments.picture is not None and copies:
        from engine.figures.duplicates import draw_copies

        pictured = draw_copies(arguments.picture, copies)
    say({"images": len(images), "omitted": near.omitted, "pictured": pictured})


class _Progress:
    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._due = Throttle()

    def __call__(self) -> None:
        self._done = min(self._done + 1, self._total)
        if self._due():
            say({"what": self._what, "done": self._done, "total": self._total})


def _as_fact(copies: Copies) -> dict[str, object]:
    return {
        "exact": copies.exact,
        "kind": copies.kind,
        "conflict": copies.conflict,
        "images": [
            {"split": image.split, "class": image.label, "path": encodable(str(image.path))}
            for image in copies.images
        ],
    }


if __name__ == "__main__":
    sys.exit(run(main))
