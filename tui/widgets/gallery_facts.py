"""What is known of one image of the gallery, in words."""

import re

from rich.cells import cell_len, chop_cells
from rich.text import Text

from engine.journal.events import ThresholdSet
from tui.widgets.gallery_items import Item, over_threshold
from tui.widgets.look import FAINT, PLAIN, Glyphs, styled
from tui.widgets.wrapping import wrap

_LABEL = 8


def facts(item: Item, judged: ThresholdSet | None, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return at most ``height`` rows: class, error, what was done, where the file is, what is odd about its threshold.

    What doesn't fit as a whole is left out, but for the path, of which the end is shown.
    """
    room = width - _LABEL
    path = glyphs.clean(item.picture or item.path)
    said = [("class", _class(item)), ("error", _error(item, glyphs)), ("action", _action(item))]
    told = [(label, wrap(glyphs.clean(text), room)) for label, text in said]
    used = sum(len(pieces) for _, pieces in told)
    whole = wrap_path(path, room)
    told.append(("path", whole if used + len(whole) <= height else [glyphs.cut_start(path, room)]))
    if judged is not None and (note := _note(judged)):
        told.append(("note", wrap(glyphs.clean(note), room)))
    rows: list[Text] = []
    for label, pieces in told:
        if len(rows) + len(pieces) <= height:
            heads = [label, *[""] * (len(pieces) - 1)]
            rows += [
                styled(head.ljust(_LABEL), FAINT).append(piece, PLAIN)
                for head, piece in zip(heads, pieces, strict=True)
            ]
    return rows


def _note(judged: ThresholdSet) -> str:
    if judged.note or not judged.relaxed or judged.largest_val_error is None:
        return judged.note
    return f"threshold raised for the largest validation error, {judged.largest_val_error:.4f}"


def wrap_path(path: str, width: int) -> list[str]:
    """Return ``path`` in pieces of at most ``width`` cells, broken after slashes where it can be."""
    pieces = [""]
    for part in re.findall("[^/]*/|[^/]+", path):
        if cell_len(pieces[-1]) + cell_len(part) > width:
            pieces += chop_cells(part, max(4, width))
        else:
            pieces[-1] += part
    return pieces if pieces[0] else pieces[1:]


def _class(item: Item) -> str:
    return f"{item.class_name}, looks more like {item.looks_like}" if item.looks_like else item.class_name


def _error(item: Item, glyphs: Glyphs) -> str:
    if item.threshold <= 0 and item.error <= 0:
        return "not judged"
    over = over_threshold(item, glyphs.times) if item.ratio else ""
    compared = ">" if item.error > item.threshold else "<="
    text = f"{item.error:.4f} {compared} threshold {item.threshold:.4f}"
    return f"{text}, {over}" if over and over != "by hand" else text


def _action(item: Item) -> str:
    event = item.excluded
    if event is None:
        return "none: it takes part"
    done = {"delete": "file deleted", "quarantine": "file quarantined"}.get(event.action, "file in place")
    by = f", by {event.by}" if event.by else ""
    return f"left out from epoch {event.from_epoch} on{by}; {done}"
