"""``vrdl-tui doctor DATA --duplicates``: the copies among the images of a data folder."""

import os
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from engine.core.text import count, printable
from engine.layout.copies import KINDS, Kind
from engine.layout.folders import find_folders
from tui.cli.say import note, print_json
from tui.cli.target import check_target
from tui.helper import HelperError, run_helper
from tui.progress import ProgressBar


class Image(msgspec.Struct, rename={"label": "class"}):
    """An image of a group."""

    split: str
    label: str
    path: str


class Group(msgspec.Struct):
    """A group of copies, a line of the helper."""

    exact: bool
    kind: Kind
    conflict: bool
    images: list[Image]


def duplicates(folder: Path, *, json: bool, picture: Path | None) -> int:
    """List the copies in a data folder and return the exit code. Raises UserError."""
    if picture is not None:  # not after minutes
        check_target(picture, "--picture")
    folders = find_folders(folder)
    groups: list[Group] = []
    last: dict[str, Any] = {"images": 0, "omitted": {}, "pictured": 0}
    with ProgressBar() as bar:

        def told(fact: dict[str, Any]) -> None:
            if "what" in fact:
                bar.draw(str(fact["what"]), int(fact["done"]), int(fact["total"]))
            elif "exact" in fact:
                groups.append(msgspec.convert(fact, Group))
            else:
                last.update(fact)

        arguments = [folders.to_data().model_dump_json()]
        arguments += ["--picture", str(picture)] if picture is not None else []
        try:
            run_helper("engine.tools.duplicates", arguments, told)
        except HelperError as error:
            bar.hide()
            note(f"vrdl-tui: doctor --duplicates: {error}")
            return 1
    for sentence in folders.said:
        note(sentence)
    if json:
        print_json({"images": last["images"], "omitted": last["omitted"], "groups": groups})
    else:
        _print(groups, last, folder)
    if picture is not None:
        _say_pictured(picture, int(last["pictured"]), len(groups))
    return 0


def _print(groups: list[Group], last: dict[str, Any], folder: Path) -> None:
    """Print the groups by kind, each on a line of its own: ``=`` between exact copies, ``~`` between near ones."""
    root = f"{os.path.realpath(folder)}/"
    for exact, kind in product((True, False), KINDS):
        found = [group for group in groups if (group.exact, group.kind) == (exact, kind)]
        if found:
            print(f"{'exact' if exact else 'near'} copies {KINDS[kind]}: {count(len(found), 'group')}")
        for group in found:
            paths = [printable(image.path.removeprefix(root)) for image in group.images]
            print(f"  {(' = ' if exact else ' ~ ').join(paths)}{_labels(group)}")
    if not groups:
        print("no copies")
    note(f"{count(last['images'], 'image')} compared; rotated and mirrored copies are not looked for")
    for reason, number in last["omitted"].items():
        note(f"not compared for near copies: {count(int(number), 'image')} {printable(reason)}")


def _labels(group: Group) -> str:
    labels = sorted({image.label for image in group.images} - {""})
    return f"  (labels: {', '.join(printable(label, 60) for label in labels)})" if group.conflict else ""


def _say_pictured(picture: Path, shown: int, groups: int) -> None:
    if not shown:
        note(f"no copies: {printable(str(picture))} is not written")
    else:
        some = f", the first {shown:,} of {count(groups, 'group')}" if shown < groups else ""
        note(f"written: {printable(str(picture))}{some}")
