"""The gallery's sentences: its first row, what is shown, and why there is nothing to show."""

from rich.cells import cell_len
from rich.text import Text

from engine.core.text import count
from tui.widgets.gallery_items import Item, Order, restored_count
from tui.widgets.look import FAINT, KEY, MUTED, STRONG, styled
from tui.widgets.view import View
from tui.widgets.wrapping import wrap

_ORDERED: dict[Order, str] = {
    "newest": "newest first",
    "error": "largest error over threshold first",
    "class": "class by class",
}


def heading(view: View, order: Order, class_name: str, width: int) -> Text:
    """The first row: how many are left out, and what is listed in which order."""
    stage, glyphs = view.state.outliers, view.glyphs
    out = len(stage.excluded)
    said = f"{out:,} of {count(stage.done.images, 'image')} left out" if stage.done else f"{out:,} left out"
    if restored := restored_count(stage):
        said += f" {glyphs.dot} {restored:,} restored"
    listed = f"all images of {glyphs.clean(class_name)}" if class_name else _ORDERED[order]
    row = styled("outliers ", KEY).append(said, STRONG)
    room = width - row.cell_len - 3
    if cell_len(listed) > room and not class_name:
        listed = {"newest": "by time", "error": "by error", "class": "by class"}[order]
    listed = glyphs.cut(listed, room)
    row.append(" " * max(1, width - 2 - row.cell_len - cell_len(listed)))
    return row.append(listed, MUTED)


def showing(item: Item | None, class_name: str) -> str:
    """Say what the keys can do with what is shown."""
    if item is None:
        return ""
    if item.excluded is None:
        first = "e leaves the image out by hand"
    elif item.excluded.action == "delete":
        first = "the file was deleted for good"
    else:
        first = "u lets the image back in"
    return f"{first}; a shows {'the outliers only' if class_name else 'all images of its class'}"


def nothing(view: View, width: int) -> list[Text]:
    """Say why nothing is listed."""
    stage = view.state.outliers
    if view.state.started is None:
        said, more = "nothing is known yet", "the engine has not begun"
    elif stage.method == "none":
        said, more = "the outlier stage is off", "outliers.method is none: every image takes part"
    elif stage.done is None and view.alive and not view.state.epochs:
        said, more = "no outlier so far", "the outlier stage is not done yet"
    elif stage.done is None:
        said, more = "no outlier", "the outlier stage was not finished"
    elif restored_count(stage):
        said, more = "no image is left out", "every outlier was restored"
    else:
        images = count(stage.done.images, "image")
        said, more = "no outlier was found", f"none of {images} has an error over its class's threshold"
    rows = [styled(piece, STRONG) for piece in wrap(said, width)]
    rows += [styled(piece, MUTED) for piece in wrap(more, width)]
    if stage.thresholds:
        rows += [Text(), *(styled(piece, FAINT) for piece in wrap("a shows all images of a class", width))]
    return rows


def picture_words(*, no_color: bool, ascii: bool) -> str:
    """Say why pictures can't be shown, or nothing where they can."""
    if ascii:
        return "pictures need more than ASCII"
    return "pictures need colours, and NO_COLOR is set" if no_color else ""
