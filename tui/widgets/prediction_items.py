"""The images of a prediction: read from its files, sorted, filtered."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from engine.analysis.predictions import Predicted, beside, read_prediction, row_names
from engine.core.errors import UserError
from engine.layout.tree import list_images

Order = Literal["least certain", "most certain", "name", "class"]
ORDERS: tuple[Order, ...] = ("least certain", "most certain", "name", "class")


class Loaded(NamedTuple):
    """A prediction as it can be shown; ``places`` and ``classes`` are empty without probabilities."""

    rows: list[Predicted]
    classes: list[str]
    places: list[int]
    probabilities: Path
    files: list[str]
    """Where each image is; empty where its file isn't found."""
    note: str
    """Why there are no probabilities; empty where there are."""


def load(prediction: Path, folder: Path | None) -> Loaded:
    """Read a prediction, and its probabilities if they are of it. Raises UserError where there is none."""
    labels = read_prediction(prediction)
    path = beside(prediction)
    note, found = "no probabilities yet: x writes them, when they are on in its form", labels
    if path.exists():
        shares = read_prediction(path)
        if [row[:2] for row in shares.rows] == [row[:2] for row in labels.rows]:
            note, found = "", shares
        else:
            note = f"{path.name} is of another prediction: x writes both anew"
    files = _files([row.name for row in labels.rows], folder)
    return Loaded(found.rows, found.classes, found.places if not note else [], path, files, note)


def _files(names: list[str], folder: Path | None) -> list[str]:
    """Return the file of each row's name; a name that earlier versions gave to several comes in the files' order."""
    if folder is None:
        return [""] * len(names)
    try:
        listed = list_images(folder)
    except UserError:
        return [""] * len(names)
    by_name = dict(zip(row_names(listed), listed, strict=True))
    by_stem: dict[str, list[str]] = {}
    for file in reversed(listed):
        by_stem.setdefault(Path(file).stem, []).append(file)
    found = [by_name.get(name) or (by_stem[name].pop() if by_stem.get(name) else "") for name in names]
    return [str(folder / file) if file else "" for file in found]


def arranged(rows: list[Predicted], order: Order, wanted: str) -> list[int]:
    """Return the numbers of the rows that a filter lets through, in order. Raises UserError for a wrong filter."""
    passes = _tests(wanted)
    numbers = [number for number, row in enumerate(rows) if all(test(row) for test in passes)]
    if order == "class":
        numbers.sort(key=lambda number: (rows[number].label, rows[number].name))
    elif order != "name":
        sign = 1.0 if order == "least certain" else -1.0
        numbers.sort(key=lambda number: sign * (rows[number].probability or 0.0))
    return numbers


def _tests(wanted: str) -> list[Callable[[Predicted], bool]]:
    return [_test(word) for word in wanted.lower().split()]


def _test(word: str) -> Callable[[Predicted], bool]:
    if word.startswith("class:"):
        label = word.removeprefix("class:")
        return lambda row: row.label.lower().startswith(label)
    if match := re.fullmatch(r"p([<>])(\d+(?:\.\d*)?|\.\d+)?%?", word):
        if match[2] is None:
            raise UserError("p< and p> need a percentage: p<60")
        limit, below = float(match[2]) / 100, match[1] == "<"
        return lambda row: (
            row.probability is not None and (row.probability < limit if below else row.probability > limit)
        )
    return lambda row: word in row.name.lower() or word in row.label.lower()
