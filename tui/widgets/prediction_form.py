"""The form of a prediction: weights, mirror images, probabilities, the runs to average, folder and file."""

from dataclasses import dataclass, field

from rich.text import Text
from textual.events import Click, Resize
from textual.message import Message

from engine.analysis.confusion import free_stem
from engine.analysis.predictions import beside
from engine.core.errors import UserError
from engine.core.paths import expand_home
from engine.run.directory import RunDir
from tui.widgets.lines import Lines
from tui.widgets.look import FAINT, KEY, MUTED, PLAIN, STRONG, Glyphs, styled
from tui.widgets.prediction_job import Wish

_LABEL = 15
_MOST_ROWS = 11


@dataclass
class Filled:
    """What the form holds; ``typed_folder`` and ``typed_file`` are None until somebody types there."""

    run: RunDir
    last: bool = False
    mirrored: bool = False
    probabilities: bool = False
    others: set[RunDir] = field(default_factory=set)
    typed_folder: str | None = None
    typed_file: str | None = None

    @property
    def file(self) -> str:
        """The file's name: the run's own prediction, or one that is free for a mean of several runs."""
        if self.typed_file is not None:
            return self.typed_file
        if not self.others:
            return self.run.prediction.name
        return free_stem(self.run.path, "prediction_mean", (".csv", "_probabilities.csv")) + ".csv"

    @property
    def plain(self) -> bool:
        """Whether it asks for what a living engine does by itself."""
        return self == Filled(self.run)

    def wish(self, order: list[RunDir]) -> Wish:
        """Return what to do, the runs in the form's order. Raises UserError for a folder or file that won't do."""
        folder = expand_home(self.typed_folder) if self.typed_folder is not None else None
        if self.typed_folder == "" or not self.file:
            raise UserError("type a folder's path, and a file's name")
        if folder is not None and not folder.is_dir():
            raise UserError(f"no such folder: {folder}")
        out = self.run.path / expand_home(self.file)
        if not out.parent.is_dir():
            raise UserError(f"no such folder: {out.parent}")
        own = out == self.run.prediction
        if own and self.others:
            raise UserError("prediction.csv is for this run alone; type another file for the mean of several")
        for path in (out, *([beside(out)] if self.probabilities else [])):
            if not own and path.exists():
                raise UserError(f"{path.name} exists already; type another name")
        runs = [self.run, *(run for run in order if run in self.others)]
        return Wish(runs, "last" if self.last else "best", self.mirrored, folder, out, self.probabilities)


class PredictionForm(Lines):
    """One field a row; space or an arrow changes a choice, typing changes a text."""

    class Changed(Message):
        pass

    def __init__(self, run: RunDir, glyphs: Glyphs) -> None:
        super().__init__(id="form")
        self.filled = Filled(run)
        self.peers: list[RunDir] = []
        self._folder: str | None = None
        """The test folder of the run's recipe, empty for none; None while it isn't known."""
        self._glyphs = glyphs
        self._at = 0
        self._top = 0
        self._word = f"looking{glyphs.ellipsis}"
        self._resize()

    def offer(self, folder: str, peers: list[RunDir]) -> None:
        """Take the test folder of the run's recipe, and the runs that know the same classes."""
        self._folder, self.peers = folder, peers
        self._word = "" if peers else "no other run here knows the same classes"
        self._resize()
        self._draw()

    def _resize(self) -> None:
        self.styles.height = min(_MOST_ROWS, 5 + max(1, len(self.peers)))

    @property
    def _fields(self) -> list[str]:
        runs = [f"run {number}" for number in range(len(self.peers))] or ["none"]
        return ["last", "mirrored", "probabilities", *runs, "folder", "file"]

    @property
    def typing(self) -> bool:
        return self._fields[self._at] in ("folder", "file")

    def move(self, rows: int) -> None:
        self._at = (self._at + rows) % len(self._fields)
        self._draw()

    def change(self) -> None:
        """Turn the choice under the cursor round."""
        name, filled = self._fields[self._at], self.filled
        if name in ("last", "mirrored", "probabilities"):
            setattr(filled, name, not getattr(filled, name))
        elif name.startswith("run "):
            filled.others ^= {self.peers[int(name.split()[1])]}
        self._told()

    def type(self, character: str) -> None:
        """Add a character to the text under the cursor; an empty one takes the last away."""
        name, filled = self._fields[self._at], self.filled
        if name == "folder":
            before = filled.typed_folder if filled.typed_folder is not None else self._folder or ""
            filled.typed_folder = before + character if character else before[:-1]
        elif name == "file":
            before = filled.file
            filled.typed_file = before + character if character else before[:-1]
        self._told()

    @property
    def lacks_folder(self) -> bool:
        """Whether there is nothing to predict: the recipe names no test folder, and none was typed."""
        return self._folder == "" and self.filled.typed_folder is None

    def _folder_word(self) -> str:
        if self.filled.typed_folder is not None:
            return self.filled.typed_folder
        if self._folder is None:
            return f"looking{self._glyphs.ellipsis}"
        return self._folder or "none yet: type one"

    def _told(self) -> None:
        self._draw()
        self.post_message(self.Changed())

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def on_click(self, event: Click) -> None:
        if self._top + event.y < len(self._fields):
            self._at = self._top + event.y
            self.change()

    def _draw(self) -> None:
        (width, height), fields = self.size, self._fields
        if not width or not height:
            return
        self._at = min(self._at, len(fields) - 1)
        self._top = max(min(self._top, self._at, len(fields) - height), self._at - height + 1, 0)
        shown = range(self._top, min(len(fields), self._top + height))
        self.show([self._row(number, fields[number], width) for number in shown])

    def _row(self, number: int, name: str, width: int) -> Text:
        here, filled, glyphs = number == self._at, self.filled, self._glyphs
        row = styled(f"{glyphs.cursor} " if here else "  ", KEY)
        style = STRONG if here else PLAIN
        if name.startswith("run "):
            run = self.peers[int(name.split()[1])]
            row.append(("average with" if name == "run 0" else "").ljust(_LABEL), FAINT)
            row.append("[x] " if run in filled.others else "[ ] ", KEY)
            return row.append(glyphs.cut(glyphs.clean(run.name), width - row.cell_len), style)
        label, value, aside = {
            "last": ("weights", "last" if filled.last else "best", ""),
            "mirrored": ("mirror images", _on(filled.mirrored), "averaged with the images: twice as long"),
            "probabilities": ("probabilities", _on(filled.probabilities), "of every class, in a file beside"),
            "none": ("average with", "", self._word),
            "folder": ("folder", self._folder_word(), ""),
            "file": ("file", filled.file, ""),
        }[name]
        row.append(label.ljust(_LABEL), FAINT)
        text = self.typing and here
        row.append(glyphs.cut_start(glyphs.clean(value), width - row.cell_len - text), style)
        row.append("_", KEY) if text else row.append(f"  {aside}" if value else aside, MUTED)
        return row


def _on(value: bool) -> str:
    return "on " if value else "off"
