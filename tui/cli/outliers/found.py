"""What a scan found, and its three ways out: a table, JSON, a CSV file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.core.files import replace_file
from engine.core.table import escape, table
from engine.core.text import printable
from tui.cli.say import note, print_json


class ClassFound(msgspec.Struct, rename={"class_name": "class"}):
    """A class's line of the scan helper."""

    class_name: str
    files: list[str]
    errors: list[float]
    flagged: list[int]
    looks_like: list[str]
    first_threshold: float
    largest_val_error: float | None
    threshold: float
    relaxed: bool
    note: str


class Judged(msgspec.Struct, rename={"class_name": "class"}):
    """One image."""

    class_name: str
    path: str
    error: float
    threshold: float
    looks_like: str

    def ratio(self) -> float:
        return self.error / self.threshold if self.threshold > 0 else 0.0

    def row(self, *, outlier: bool) -> tuple[str, ...]:
        return (
            escape(self.class_name), escape(self.path), f"{self.error:.6g}", f"{self.threshold:.6g}",
            "yes" if outlier else "no", escape(self.looks_like),
        )  # fmt: skip


@dataclass(slots=True)
class Found:
    """Gathers the helper's lines."""

    method: str
    classes: list[ClassFound] = field(default_factory=list)
    bad: list[dict[str, str]] = field(default_factory=list)

    def add(self, fact: dict[str, Any]) -> None:
        if "bad" in fact:
            self.bad.append({"path": str(fact["bad"]), "reason": str(fact.get("reason", ""))})
        elif "class" in fact:
            self.classes.append(msgspec.convert(fact, ClassFound))

    @property
    def images(self) -> int:
        return sum(len(one.files) for one in self.classes)

    def outliers(self) -> list[Judged]:
        """Return the outliers, greatest error over threshold first."""
        found = [_judged(one, place) for one in self.classes for place in one.flagged]
        return sorted(found, key=Judged.ratio, reverse=True)

    def write_csv(self, path: Path) -> None:
        """Write every judged image, outliers first. Raises OSError."""
        outliers = self.outliers()
        flagged = {one.path for one in outliers}
        others = [
            judged
            for one in self.classes
            for place in range(len(one.files))
            if (judged := _judged(one, place)).path not in flagged
        ]
        header = ("class", "path", "error", "threshold", "outlier", "looks_like")
        ranked = [*outliers, *sorted(others, key=Judged.ratio, reverse=True)]
        rows = (one.row(outlier=one.path in flagged) for one in ranked)
        replace_file(path, table(header, rows).encode())

    def print_json(self) -> None:
        table = {
            "method": self.method,
            "images": self.images,
            "bad_images": self.bad,
            "classes": [
                {
                    "class": one.class_name, "images": len(one.files), "first_threshold": one.first_threshold,
                    "largest_val_error": one.largest_val_error, "threshold": one.threshold,
                    "relaxed": one.relaxed, "note": one.note,
                }
                for one in self.classes
            ],
            "outliers": self.outliers(),
        }  # fmt: skip
        print_json(table)

    def print_table(self) -> None:
        """Print the outliers to stdout, the summary and what went wrong to stderr."""
        outliers = self.outliers()
        console = Console(highlight=False)
        if not console.is_terminal:  # for grep and awk: never cut
            console.width = 10_000
        grid = Table(box=None, pad_edge=False, header_style="bold")
        for head in ("class", "error/threshold", "looks like", "file"):
            justify: Literal["left", "right"] = "right" if head == "error/threshold" else "left"
            grid.add_column(head, justify=justify, no_wrap=True, overflow="ellipsis")
        for one in outliers:
            cells = (one.class_name, f"{one.ratio():.2f}", one.looks_like or "-", one.path)
            grid.add_row(*(Text(printable(text)) for text in cells))
        if outliers:
            console.print(grid)
        for bad in self.bad:
            note(f"can't be read: {printable(bad['path'])}: {printable(bad['reason'])}")
        for said in self.classes:
            if said.note:
                note(f"class {printable(said.class_name)}: {said.note}")
        share = 100 * len(outliers) / self.images
        note(
            f"{len(outliers):,} of {self.images:,} images are outliers ({share:.1f} %) by {self.method}; "
            "nothing was changed"
        )


def _judged(one: ClassFound, place: int) -> Judged:
    return Judged(one.class_name, one.files[place], one.errors[place], one.threshold, one.looks_like[place])
