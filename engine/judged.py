"""validation.csv: what a run's best weights said of each validation image. Two runs are compared image by image."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from engine.errors import UserError
from engine.files import replace_file
from engine.regular import open_regular, read_regular
from engine.table import meant, shown, table
from engine.text import printable

_LARGEST = 1 << 30
_HEADER = ("path", "label", "pred_label", "probability")


class Judged(NamedTuple):
    """An image, its class, the class that it was taken for, and the softmax probability of that (0 to 1)."""

    path: str
    label: str
    predicted: str
    probability: float


def write_judged(path: Path, judged: Iterable[Judged]) -> bytes:
    """Write the file whole, in the order given, and return its content. Raises OSError."""
    rows = (
        (shown(one.path), shown(one.label), shown(one.predicted), f"{one.probability:.6f}") for one in judged
    )
    content = table(_HEADER, rows).encode()
    replace_file(path, content)
    return content


def put_back_judged(path: Path, kept: Path) -> None:
    """Have the file be what ``kept`` holds, if that is there and differs. Raises OSError."""
    try:
        content = read_regular(kept, _LARGEST, follow=False)
    except OSError:
        return
    try:
        same = read_regular(path, _LARGEST) == content
    except OSError:
        same = False
    if not same:
        replace_file(path, content)


def read_judged(path: Path) -> list[Judged]:
    """Return the rows of the file. Raises UserError when it isn't there or is no such file."""
    try:
        with io.TextIOWrapper(open_regular(path, _LARGEST), encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) != _HEADER:
                raise UserError(f"{printable(str(path))} is no list of judged validation images")
            return [
                Judged(meant(image), meant(label), meant(predicted), float(probability))
                for image, label, predicted, probability in rows
            ]
    except FileNotFoundError:
        raise UserError(f"no {printable(str(path))}: the run has no best weights yet, or is older") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{printable(str(path))} can't be read: {printable(str(error))}") from None
