"""The images that the outlier panel and the gallery list, in the orders in which they can be listed."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from rich.cells import cell_len

from engine.journal.events import OutlierExcluded, OutlierRestored
from engine.journal.state import OutlierStage
from tui.widgets.look import Glyphs

Order = Literal["newest", "error", "class"]
ORDERS: tuple[Order, ...] = ("newest", "error", "class")


@dataclass(frozen=True, slots=True)
class Item:
    """A training image; ``threshold`` 0 says that it was not judged."""

    class_name: str
    path: str
    """As the journal has it."""
    error: float
    threshold: float
    looks_like: str = ""
    excluded: OutlierExcluded | None = None
    """None for an image that takes part."""

    @property
    def name(self) -> str:
        return Path(self.path).name

    @property
    def ratio(self) -> float:
        """Error over threshold; 0 where there is no threshold."""
        return self.error / self.threshold if self.threshold > 0 else 0.0

    @property
    def picture(self) -> str:
        """Where the file is now; empty for one that was deleted."""
        if self.excluded is None:
            return self.path
        return "" if self.excluded.action == "delete" else self.excluded.moved_to or self.path


def of_excluded(event: OutlierExcluded) -> Item:
    return Item(event.class_name, event.path, event.error, event.threshold, event.looks_like, event)


def excluded_items(stage: OutlierStage, order: Order) -> list[Item]:
    """Return what is left out: the newest first, the largest error over threshold first, or class by class."""
    items = [of_excluded(event) for event in reversed(stage.excluded.values())]
    if order == "error":
        items.sort(key=lambda item: -item.ratio)
    elif order == "class":
        items.sort(key=lambda item: (item.class_name, -item.ratio))
    return items


def class_items(stage: OutlierStage, data: str, class_name: str) -> list[Item]:
    """Return all images of a class, below the training folder ``data``, the largest error first.

    Of a class that is not judged only what is left out is known.
    """
    judged = stage.thresholds.get(class_name)
    items = []
    seen = set()
    if judged is not None:
        like = dict(zip(judged.flagged, judged.looks_like, strict=False))
        for place, (file, error) in enumerate(zip(judged.files, judged.errors, strict=True)):
            path = str(Path(data, class_name, file))
            seen.add(path)
            event = stage.excluded.get(path)
            items.append(Item(class_name, path, error, judged.threshold, like.get(place, ""), event))
    items += [
        of_excluded(event)
        for event in stage.excluded.values()
        if event.class_name == class_name and event.path not in seen
    ]
    items.sort(key=lambda item: -item.error)
    return items


def typical_path(stage: OutlierStage, data: str, class_name: str) -> str:
    """Return the image with the median error among those of a class that take part; empty where none is known."""
    judged = stage.thresholds.get(class_name)
    if judged is None:
        return ""
    flagged = set(judged.flagged)
    by_error = sorted(
        (place for place in range(len(judged.files)) if place not in flagged), key=judged.errors.__getitem__
    )
    middle = (len(by_error) - 1) // 2
    # Those left out by hand are few: the next one above is about as typical.
    for place in chain(by_error[max(0, middle) :], reversed(by_error[: max(0, middle)])):
        path = str(Path(data, class_name, judged.files[place]))
        if path not in stage.excluded:
            return path
    return ""


def short_name(item: Item, width: int, glyphs: Glyphs) -> str:
    """Return ``cat/0312.jpg`` in at most ``width`` cells; the class goes first, then the start of the name."""
    name = glyphs.clean(item.name)
    whole = f"{glyphs.clean(item.class_name)}/{name}"
    without_class = f"{glyphs.ellipsis}/{name}"
    fitting = (text for text in (whole, without_class) if cell_len(text) <= width)
    return next(fitting, glyphs.cut_start(name, width))


def restored_count(stage: OutlierStage) -> int:
    """Return how many images were left out and take part again."""
    restored = {change.path for change in stage.changes if isinstance(change, OutlierRestored)}
    return len(restored - stage.excluded.keys())


def over_threshold(item: Item, times: str) -> str:
    """Return error over threshold as ``1.61×``; for an image left out by hand that, for one not judged nothing."""
    if item.excluded is not None and item.excluded.by and item.ratio <= 1:
        return "by hand"
    if item.threshold <= 0:
        return f"error {item.error:.4f}" if item.error > 0 else ""
    rounded = f"{item.ratio:.2f}"
    side = "" if rounded != "1.00" or item.ratio == 1 else ">" if item.ratio > 1 else "<"
    return f"{side}{rounded}{times}"
