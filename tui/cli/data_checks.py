"""What ``vrdl-tui doctor DATA`` looks at in a data folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.core.errors import UserError
from engine.core.text import printable
from engine.recipe.data_layout import Listing, find_folders, list_data
from tui.cli.checks import Check
from tui.helper import HelperError, run_helper
from tui.progress import ProgressBar
from tui.widgets.wording import count

_FEW = 20
_UNEVEN = 10


def data(folder: Path) -> Iterator[Check]:
    """Judge the layout as a run would, the sizes of the classes, and some images of each class."""
    try:
        folders = find_folders(folder)
        listing = list_data(str(folders.train), str(folders.val or ""), str(folders.test or ""))
    except UserError as error:
        yield Check("data", str(error), good=False, remedy="the README shows how a data folder is laid out")
        return
    yield _layout(listing)
    for suspicion in listing.suspicions:
        yield Check("data", suspicion.found, remedy=suspicion.remedy)
    yield _classes(listing)
    places = [folders.train / name for name in listing.classes]
    places += [folders.val / name for name in listing.val or ()] if folders.val else []
    places += [folders.test] if folders.test else []
    yield _images(places)


def _layout(listing: Listing) -> Check:
    sizes = [f"{_images_of(listing.train):,} train"]
    sizes += [f"{_images_of(listing.val):,} val"] if listing.val is not None else []
    sizes += [f"{len(listing.test):,} test"] if listing.test else []
    remedy = "" if listing.val is not None else "no val folder: a share of each class will be set aside"
    classes = count(len(listing.classes), "class", "classes")
    return Check("data", f"{classes}, images: {', '.join(sizes)}", remedy=remedy)


def _images_of(classes: dict[str, list[str]] | None) -> int:
    return sum(len(images) for images in (classes or {}).values())


def _classes(listing: Listing) -> Check:
    sizes = {name: len(images) for name, images in listing.train.items()}
    least, most = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    found = f"{sizes[least]:,} ({printable(least, 30)}) to {sizes[most]:,} ({printable(most, 30)}) images"
    remedy = ""
    if sizes[least] < _FEW:
        few = sum(size < _FEW for size in sizes.values())
        remedy = f"{count(few, 'class has', 'classes have')} fewer than {_FEW} images: expect little of them"
    elif sizes[most] > _UNEVEN * sizes[least]:
        remedy = f"the largest class has more than {_UNEVEN} times the smallest's: accuracy will speak for it"
    return Check("classes", found, remedy=remedy)


def _images(places: list[Path]) -> Check:
    bad: list[str] = []
    seen: dict[str, Any] = {}
    with ProgressBar() as bar:

        def told(fact: dict[str, Any]) -> None:
            if "bad" in fact:
                bad.append(f"{fact['bad']}: {fact['reason']}")
            elif fact.get("total"):
                seen.update(fact)
                bar.draw("reading images", int(fact["done"]), int(fact["total"]))

        try:
            run_helper("engine.tools.data_check", [str(place) for place in places], told)
        except (UserError, HelperError) as error:
            return Check("images", str(error), good=False, remedy="see that the folder can be read")
    read = f"{seen.get('done', 0):,} looked at"
    if not bad:
        return Check("images", f"{read}, all can be read")
    more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    remedy = "a run names bad images and leaves them out; copy them again if they are many"
    return Check("images", f"{read}, {len(bad)} can't be read: {bad[0]}{more}", remedy=remedy)
