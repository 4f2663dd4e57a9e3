"""A tree of folders, each with its number of classes and images once they have been counted."""

import os
from pathlib import Path
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType

from tui.widgets.form_cursor import CursorList
from tui.widgets.form_folders import Glance
from tui.widgets.look import BAD, FAINT, GOOD, KEY, MUTED, PLAIN, STRONG, Glyphs, styled

_MOST = 2000
"""Folders listed of one: whoever has more types the path."""


class Node(NamedTuple):
    path: Path
    depth: int
    open: bool


class FolderTree(CursorList):
    """``glances`` are what is known of the folders; those on screen without one are ``unknown``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "expand", show=False),
        Binding("left,h", "collapse", show=False),
    ]

    def __init__(self, root: Path, glyphs: Glyphs) -> None:
        super().__init__(glyphs, id="tree")
        self.glances: dict[Path, Glance] = {}
        self._rows: list[Node] = []
        self.plant(root)

    @property
    def count(self) -> int:
        return len(self._rows)

    @property
    def current(self) -> Path:
        """The folder under the cursor."""
        return self._rows[self.at].path

    @property
    def root(self) -> Path:
        return self._rows[0].path

    def unknown(self) -> list[Path]:
        """Return the folders on screen that nothing is known of, the one under the cursor first."""
        seen = [node.path for node in self._rows[self._top : self._top + max(1, self.size.height)]]
        return [path for path in dict.fromkeys([self.current, *seen]) if path not in self.glances]

    def plant(self, root: Path, at: Path | None = None) -> None:
        """Make ``root`` the top of the tree, open, the cursor on it or on the folder ``at`` in it."""
        self._rows = [Node(root, 0, True), *(Node(path, 1, False) for path in _folders(root))]
        self.at = next((number for number, node in enumerate(self._rows) if node.path == at), 0)
        self.redraw()

    def action_expand(self) -> None:
        node = self._rows[self.at]
        if node.open:
            self.action_move(1)
            return
        inside = [Node(path, node.depth + 1, False) for path in _folders(node.path)]
        self._rows[self.at : self.at + 1] = [node._replace(open=True), *inside]
        self.redraw()

    def action_collapse(self) -> None:
        node = self._rows[self.at]
        end = self.at + 1
        while end < len(self._rows) and self._rows[end].depth > node.depth:
            end += 1
        if node.open and self.at:
            self._rows[self.at : end] = [node._replace(open=False)]
            self.redraw()
        elif self.at:
            parents = [number for number in range(self.at) if self._rows[number].depth < node.depth]
            self.go_to(parents[-1])
        else:
            self.plant(node.path.parent, node.path)

    def draw_row(self, number: int, here: bool, width: int) -> Text:
        node, glyphs = self._rows[number], self.glyphs
        known = self.glances.get(node.path)
        row = styled(f"{glyphs.cursor} " if here else "  ", KEY)
        row.append("  " * min(node.depth, 8) + ("- " if node.open else "+ "), FAINT)
        words = "" if known is None else "" if known.problem else known.words()
        name = glyphs.clean(str(node.path) if node.depth == 0 else node.path.name)
        room = width - row.cell_len
        if cell_len(words) + 12 > room:
            words = ""
        cut = glyphs.cut_start if node.depth == 0 else glyphs.cut
        name = cut(name, room - (cell_len(words) + 2 if words else 0))
        usable = known is not None and known.usable
        row.append(name, STRONG if here else GOOD if usable else PLAIN)
        if words:
            row.append(" " * max(2, width - row.cell_len - cell_len(words)), FAINT)
            row.append(words, GOOD if usable else MUTED)
        elif known is not None and known.problem and here:
            row.append("  can't be read", BAD) if row.cell_len + 15 <= width else None
        return row


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()
            )
    except OSError:
        return []
    return [folder / name for name in names[:_MOST]]
