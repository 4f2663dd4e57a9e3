"""Choosing the data folder: a tree with counts, the classes of the folder under the cursor, a few of its pictures."""

import os
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from engine.core.errors import UserError
from engine.core.paths import expand_home
from tui.late import Late
from tui.screens.box import TextBlock
from tui.screens.preparing import Preparing
from tui.screens.whole import Whole
from tui.thumbnails import Thumbnail, Thumbnails
from tui.widgets.edge import edge_says
from tui.widgets.folder_tree import FolderTree
from tui.widgets.form_cursor import CursorList
from tui.widgets.form_folders import Glance, Glances
from tui.widgets.gallery_graphics import cell_size, terminal_graphics
from tui.widgets.gallery_words import picture_words
from tui.widgets.keys import Key, Keys
from tui.widgets.lines import Lines
from tui.widgets.look import BAD, FAINT, KEY, MUTED, PLAIN, STRONG, Glyphs, styled
from tui.widgets.picture import Picture
from tui.widgets.wrapping import wrap

_PICTURES = 3


class DataScreen(Preparing, Whole[Path | None]):
    """Gives back the folder that was taken, or nothing."""

    CSS_PATH = "../styles/new_run.tcss"
    AUTO_FOCUS = "FolderTree"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "path", "Type a path"),
        Binding("b,backspace", "above", "The folder above"),
        Binding("escape,q,ctrl+c,ctrl+q", "back", "Back"),
        Binding("question_mark,f1", "help", "Help"),
        Binding("ctrl+p", "commands", "Commands"),
    ]

    TOPIC = "data folder"
    PALETTE = (
        Key("Enter", "take the folder", "take"), Key("right", "open the folder", "expand"),
        Key("b", "the folder above", "above"), Key("/", "type a path", "path"),
        Key("?", "help", "help"), Key("esc", "back", "back"),
    )  # fmt: skip

    def __init__(self, at: Path | None, glyphs: Glyphs) -> None:
        """``at``: the folder that has the cursor at first; without one the tree begins where the program runs."""
        super().__init__()
        self._glyphs = glyphs
        self._graphics = terminal_graphics(os.environ, cell_size())
        self._at = at
        self.set_class(glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        title = styled("data folder ", KEY).append("of the new run", MUTED)
        blind = picture_words(no_color=self.app.no_color, ascii=self._glyphs.ascii)
        yield TextBlock([title.append(f"   {blind}", FAINT) if blind else title], id="title")
        with Horizontal(id="body"):
            yield FolderTree(self._at.parent if self._at is not None else Path.cwd(), self._glyphs)
            with Vertical(id="look"):
                yield Lines(id="classes", classes="panel")
                with Horizontal(id="pictures"):
                    for number in range(_PICTURES):
                        yield Picture(self._graphics, id=f"picture-{number}")
        yield Keys()

    def on_mount(self) -> None:
        late = Late(self)
        self._glances = Glances(lambda: late(self._counted))
        self._thumbnails = Thumbnails(lambda: late(self._show_pictures))
        self.query_one(FolderTree).border_title = "folders"
        self.query_one("#classes").border_title = "classes"
        keys = [Key("Enter", "take the folder", "take"), Key("right", "open it", "expand")]
        keys += [
            Key("b", "above", "above"),
            Key("/", "type a path", "path"),
            Key("^p", "commands", "commands"),
        ]
        self.query_one(Keys).offer([*keys, Key("?", "help", "help"), Key("esc", "back", "back")])
        if self._at is not None:
            self.query_one(FolderTree).plant(self._at.parent, self._at)

    def on_unmount(self) -> None:
        self._glances.stop()
        self._thumbnails.stop()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def on_picture_resized(self) -> None:
        self._show_pictures()

    def on_cursor_list_moved(self, _message: CursorList.Moved) -> None:
        self._show()

    def _counted(self) -> None:
        tree = self.query_one(FolderTree)
        for path in tree.unknown():
            known = self._glances.get(path)
            if known is not None:
                tree.glances[path] = known
        tree.redraw()

    def _show(self) -> None:
        if not self.is_attached:
            return
        tree = self.query_one(FolderTree)
        self._glances.want(tree.unknown())
        known = tree.glances.get(tree.current)
        about = self.query_one("#classes", Lines)
        width, height = about.content_size
        if width and height:
            about.show(_about(known, width, height, self._glyphs))
        self._show_pictures()

    def _show_pictures(self) -> None:
        if not self.is_attached:
            return
        blind = picture_words(no_color=self.app.no_color, ascii=self._glyphs.ascii)
        known = self.query_one(FolderTree).glances.get(self.query_one(FolderTree).current)
        samples = known.samples if known is not None and not blind else ()
        if self.query_one("#pictures").display != bool(samples):
            self.query_one("#pictures").display = bool(samples)
            self.call_after_refresh(self._show)
        wishes = []
        for number in range(_PICTURES):
            pane = self.query_one(f"#picture-{number}", Picture)
            if number >= len(samples):
                pane.show("")
                edge_says(pane, title="")
                continue
            wanted = pane.wanted(samples[number])
            edge_says(pane, title=self._glyphs.clean(Path(samples[number]).parent.name))
            if wanted.width and wanted.height:
                wishes.append(wanted)
                pane.show(self._seen(self._thumbnails.get(wanted)))
        self._thumbnails.want(wishes)

    def _seen(self, thumbnail: Thumbnail | None) -> Thumbnail | str:
        if thumbnail is None:
            return f"reading{self._glyphs.ellipsis}"
        return self._glyphs.clean(f"no picture: {thumbnail.reason}") if thumbnail.reason else thumbnail

    # what the keys do

    def on_cursor_list_chosen(self, _message: CursorList.Chosen) -> None:
        self.action_take()

    def action_take(self) -> None:
        self.dismiss(self.query_one(FolderTree).current)

    def action_expand(self) -> None:
        self.query_one(FolderTree).action_expand()

    def action_above(self) -> None:
        tree = self.query_one(FolderTree)
        tree.plant(tree.root.parent, tree.root)

    def action_path(self) -> None:
        from tui.screens.runs_entry import EntryScreen

        what = ["The folder that holds train/CLASS/*.jpg, or CLASS/*.jpg; ~ is your home."]
        typed = str(self.query_one(FolderTree).current)
        self.app.push_screen(
            EntryScreen("data folder", what, typed, _check_folder, self._glyphs), self._path_typed
        )

    def _path_typed(self, typed: str | None) -> None:
        if typed is not None:
            self.dismiss(expand_home(typed).absolute())

    def action_back(self) -> None:
        self.dismiss(None)


def _check_folder(typed: str) -> None:
    try:
        there = expand_home(typed).is_dir()
    except OSError as error:  # below a folder that is closed to us
        raise UserError(f"it can't be looked at: {error.strerror or error}") from None
    if not there:
        raise UserError("no such folder")


def _about(known: Glance | None, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """The classes of a folder with their images, in as many columns as fit; or why there are none."""
    if known is None:
        return [styled(f"counting{glyphs.ellipsis}", MUTED)]
    if known.problem:
        return [styled(piece, BAD) for piece in wrap(glyphs.clean(known.problem), width)]
    if not known.classes:
        said = "no images in class folders here; it would take FOLDER/train/CLASS/*.jpg or FOLDER/CLASS/*.jpg"
        return [styled(piece, MUTED) for piece in wrap(said, width)]
    rows = [styled(piece, STRONG) for piece in wrap(known.words(), width)]
    if known.val is None:
        rows += [
            styled(piece, FAINT) for piece in wrap("no val folder: a part of each class is set aside", width)
        ]
    for sentence in known.said:
        rows += [styled(piece, MUTED) for piece in wrap(glyphs.clean(sentence), width)]
    if not known.usable:
        rows += [styled(piece, BAD) for piece in wrap("only one class: a classifier needs two", width)]
    room = max(1, height - len(rows))
    longest = max(len(glyphs.clean(name)) for name in known.classes)
    across = max(1, width // min(width, min(longest, 24) + 9))
    cell = width // across
    shown = list(known.classes.items())[: room * across]
    if len(shown) < len(known.classes):
        shown = shown[: (room - 1) * across]
    for start in range(0, len(shown), across):
        row = Text()
        for name, images in shown[start : start + across]:
            row.append(glyphs.fit(glyphs.clean(name), cell - 8), PLAIN).append(f"{images:>6,}  ", MUTED)
        rows.append(row)
    if len(shown) < len(known.classes):
        rows.append(styled(f"and {len(known.classes) - len(shown):,} more classes", FAINT))
    return rows[:height]
