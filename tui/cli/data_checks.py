"""What ``vrdl-tui doctor DATA`` looks at in a data folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.core.errors import UserError
from engine.core.text import count, printable, shell_word
from engine.layout.copies import FEW, with_copies
from engine.layout.folders import find_folders
from engine.layout.listing import Listing, list_data
from tui.cli.checks import Check
from tui.helper import HelperError, run_helper
from tui.progress import ProgressBar

_FEW = 20


class DataChecks:
    """Judges a folder's layout as a run would, the sizes of its classes, and some images of each class."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.listing: Listing | None = None
        """What the folder holds, once it has been read."""

    def __iter__(self) -> Iterator[Check]:
        try:
            folders = find_folders(self._folder)
            self.listing = listing = with_copies(list_data(folders.to_data()))
        except UserError as error:
            yield Check(
                "data", str(error), good=False, remedy="the README shows how a data folder is laid out"
            )
            return
        for sentence in folders.said:
            yield Check("data", sentence)
        yield Check("data", listing.found())
        if listing.left_out:
            yield Check("left out", " · ".join(map(str, listing.left_out)))
        for finding in listing.warned:
            yield Check("warned", finding.text, remedy=finding.remedy)
        yield _classes(listing)
        if listing.images > FEW:
            remedy = f"vrdl-tui doctor {shell_word(str(self._folder))} --duplicates"
            yield Check("copies", f"not looked for among {listing.images:,} images", remedy=remedy)
        yield from _images([path for path in (folders.train, folders.val, folders.test) if path])


def _classes(listing: Listing) -> Check:
    sizes = {name: len(images) for name, images in listing.train.items()}
    least, most = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    found = f"{sizes[least]:,} ({printable(least, 30)}) to {sizes[most]:,} ({printable(most, 30)}) images"
    few = sum(size < _FEW for size in sizes.values())
    remedy = (
        f"{count(few, 'class has', 'classes have')} fewer than {_FEW} images: expect little of them"
        if few
        else ""
    )
    return Check("classes", found, remedy=remedy)


def _images(places: list[Path]) -> Iterator[Check]:
    bad: list[str] = []
    odd: dict[str, list[str]] = {}
    seen: dict[str, Any] = {}
    with ProgressBar() as bar:

        def told(fact: dict[str, Any]) -> None:
            if "bad" in fact:
                bad.append(f"{fact['bad']}: {fact['reason']}")
            elif "odd" in fact:
                odd.setdefault(str(fact["oddity"]), []).append(str(fact["odd"]))
            elif fact.get("total"):
                seen.update(fact)
                bar.draw("reading images", int(fact["done"]), int(fact["total"]))

        try:
            run_helper("engine.tools.data_check", [str(place) for place in places], told)
        except (UserError, HelperError) as error:
            yield Check("images", str(error), good=False, remedy="see that the folder can be read")
            return
    read = f"{seen.get('done', 0):,} looked at"
    if bad:
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        remedy = "a run names bad images and leaves them out; copy them again if they are many"
        yield Check("images", f"{read}, {len(bad)} can't be read: {bad[0]}{more}", remedy=remedy)
    else:
        yield Check("images", f"{read}, all can be read")
    for oddity, paths in odd.items():
        yield Check(
            "images", f"{count(len(paths), 'image')} of those: {oddity}", remedy=f"look at {paths[0]}"
        )
