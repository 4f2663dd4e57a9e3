"""Write a comparison into files: which kinds, and where to."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from engine.analysis.compare import Comparison
from engine.analysis.compare_tables import as_csv, as_markdown
from engine.core.files import replace_file
from engine.run.directory import RunDir
from tui.helper import run_helper
from tui.screens.box import Box, TextBlock
from tui.widgets.look import MUTED, styled
from tui.widgets.menu import Choice, Menu

_CHOICES = (
    Choice("p", "picture: the curves and the best figures (PNG)", "png"),
    Choice("c", "table of all epochs (CSV)", "csv"),
    Choice("m", "report: figures, verdicts, differences (Markdown)", "md"),
    Choice("a", "all three", "png csv md"),
)


class ExportScreen(Box[str]):
    """Gives back the suffixes of the files to write, separated by spaces, or nothing."""

    title_text = "export the comparison"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "choose('png')", show=False),
        Binding("c", "choose('csv')", show=False),
        Binding("m", "choose('md')", show=False),
        Binding("a", "choose('png csv md')", show=False),
        Binding("escape,e,q,ctrl+c,ctrl+q", "choose('')", show=False),
    ]

    def content(self) -> ComposeResult:
        yield Menu(_CHOICES, self.glyphs)
        where = "the files go beside the runs, under a name that is free"
        yield TextBlock([Text(), styled(where, MUTED), styled("esc leaves", MUTED)], id="below")

    def on_menu_chosen(self, message: Menu.Chosen) -> None:
        self.dismiss(message.value)

    def action_choose(self, kinds: str) -> None:
        self.dismiss(kinds)


def export(kinds: Sequence[str], comparison: Comparison, runs: Sequence[RunDir]) -> list[Path]:
    """Write the files beside the first run and return their paths; takes seconds for a picture.

    Raises OSError, and what ``run_helper`` raises.
    """
    written = []
    for kind in kinds:
        path = _free(runs[0].path.absolute().parent, kind)
        if kind == "png":
            arguments = ["--png", str(path), *(str(run.path.absolute()) for run in runs)]
            run_helper("engine.tools.compare", arguments, lambda _fact: None)
        else:
            replace_file(path, (as_csv if kind == "csv" else as_markdown)(comparison).encode())
        written.append(path)
    return written


def _free(folder: Path, suffix: str) -> Path:
    number, path = 1, folder / f"comparison.{suffix}"
    while path.exists() or path.is_symlink():
        number += 1
        path = folder / f"comparison-{number}.{suffix}"
    return path
