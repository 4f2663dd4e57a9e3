"""What an ablation is to be: which experiments, how many seeds, in which folder."""

from dataclasses import dataclass, field
from pathlib import Path

from rich.text import Text
from textual.events import Click, Resize
from textual.message import Message

from engine.analysis.ablation import EXPERIMENTS, ExperimentName
from tui.cli.options import DEFAULT_RUNS
from tui.widgets.form_state import Asked
from tui.widgets.lines import Lines
from tui.widgets.look import FAINT, KEY, PLAIN, STRONG, Glyphs, styled

DEFAULT_NAME = "ablation"
_ABOUT = {
    "outliers": "outlier exclusion on and off (outliers.method)",
    "augmentation": "augmentation on and off (augment.enabled)",
    "mixup": "mixup on and off (mixup.alpha)",
}
_ROWS = (*EXPERIMENTS, "seeds", "name")
_LABEL = 14
_MOST_SEEDS = 99
_LONGEST_NAME = 100


@dataclass
class Wanted:
    """What the form holds; ``seeds`` runs of each arm."""

    names: set[ExperimentName] = field(default_factory=lambda: set(EXPERIMENTS))
    seeds: int = 3
    name: str = DEFAULT_NAME

    @property
    def chosen(self) -> list[ExperimentName]:
        """The experiments in the report's order."""
        return [name for name in EXPERIMENTS if name in self.names]

    @property
    def runs(self) -> int:
        """How many runs that makes: each seed has the recipe itself and one run for each experiment."""
        return self.seeds * (1 + len(self.names)) if self.names else 0

    def command(self, asked: Asked | None, runs: Path) -> list[str]:
        """Return the words of the command line that does the same, ``asked`` being the run that the form describes."""
        words = ["vrdl-tui", "ablate", str(asked.data) if asked is not None else "DATA"]
        if asked is not None:
            words += ["--recipe", asked.source]
            words += [word for setting in asked.settings for word in ("--set", setting)]
        words += ["--seeds", str(self.seeds)]
        words += ["--only", ",".join(self.chosen)] if len(self.names) < len(EXPERIMENTS) else []
        words += ["--name", self.name] if self.name != DEFAULT_NAME else []
        return words + (["--runs", str(runs)] if runs != DEFAULT_RUNS else [])


class AblationForm(Lines):
    """One field a row; space or an arrow changes a choice, typing changes the name."""

    class Changed(Message):
        pass

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="form")
        self.wanted = Wanted()
        self.folders: list[Path] = []
        """The ablations that there are: the arrows go through their names."""
        self._glyphs = glyphs
        self._at = 0
        self.styles.height = len(_ROWS)

    @property
    def typing(self) -> bool:
        """Whether what is typed goes into the name."""
        return _ROWS[self._at] == "name"

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def on_click(self, event: Click) -> None:
        if event.y < len(_ROWS):
            before, self._at = self._at, event.y
            if before == self._at or event.y < len(EXPERIMENTS):
                self.change(1)
            self._told()

    def move(self, rows: int) -> None:
        self._at = (self._at + rows) % len(_ROWS)
        self._told()

    def change(self, step: int) -> None:
        """Turn an experiment on or off, take one seed more or less, or the next ablation's name."""
        row, wanted = _ROWS[self._at], self.wanted
        if row == "seeds":
            wanted.seeds = min(_MOST_SEEDS, max(1, wanted.seeds + step))
        elif row == "name":
            known = [folder.name for folder in self.folders]
            names = [*known, *({DEFAULT_NAME} - set(known))]
            at = names.index(wanted.name) if wanted.name in names else -max(0, step)
            wanted.name = names[(at + step) % len(names)]
        else:
            wanted.names ^= {name for name in EXPERIMENTS if name == row}
        self._told()

    def type(self, character: str) -> None:
        """Add a character to the name, or with none take the last one away."""
        if self.typing:
            name = self.wanted.name
            self.wanted.name = (name + character)[:_LONGEST_NAME] if character else name[:-1]
            self._told()

    def _told(self) -> None:
        self._draw()
        self.post_message(self.Changed())

    def _draw(self) -> None:
        self.show([self._row(row, number == self._at) for number, row in enumerate(_ROWS)])

    def _row(self, row: str, here: bool) -> Text:
        glyphs, wanted = self._glyphs, self.wanted
        text = styled(f"{glyphs.cursor} " if here else "  ", KEY)
        text.append(row.ljust(_LABEL), STRONG if here else PLAIN)
        if row == "seeds":
            return text.append(f"{wanted.seeds}", STRONG).append("   runs of each arm", FAINT)
        if row == "name":
            name = glyphs.cut_start(glyphs.clean(wanted.name), max(8, self.size.width - _LABEL - 4))
            return text.append(name, STRONG).append("_" if here else "", FAINT)
        on = row in wanted.names
        return text.append("[x] " if on else "[ ] ", KEY if on else FAINT).append(_ABOUT[row], PLAIN)
