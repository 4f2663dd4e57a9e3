"""What to predict with, and what: enter at once does the plain thing."""

from typing import ClassVar, NamedTuple

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key as KeyEvent
from textual.events import Paste

from engine.core.errors import UserError
from engine.core.text import count
from engine.journal.events import DatasetScanned
from engine.journal.log import JournalReader
from engine.run.directory import RunDir, find_runs
from tui.late import Late
from tui.screens.box import Box, TextBlock
from tui.widgets.look import BAD, KEY, MUTED, PLAIN, Glyphs, styled
from tui.widgets.prediction_form import PredictionForm
from tui.widgets.prediction_job import Wish
from tui.widgets.wrapping import wrap

# The classes stand among the first events; with a hundred long names they take some kilobytes.
_HEAD = 256 * 1024
_WIDTH = 66


class Choice(NamedTuple):
    """What was chosen; ``plain``: what a living engine does by itself when it is asked."""

    wish: Wish
    plain: bool


class PredictDialogue(Box[Choice | None]):
    """Gives back a choice, or nothing."""

    CSS_PATH = ["../styles/box.tcss", "../styles/predictions.tcss"]  # type: ignore[assignment] # noqa: RUF012
    title_text = "predict"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c,ctrl+q", "close", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down,tab", "move(1)", show=False),
        Binding("left,right", "change", show=False),
        Binding("backspace", "erase", show=False),
        Binding("enter", "predict", show=False),
    ]

    def __init__(self, run: RunDir, classes: list[str], alive: bool, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self._run = run
        self._labels = classes
        self._alive = alive

    def content(self) -> ComposeResult:
        yield TextBlock([*self._plan(), Text()], id="above")
        yield PredictionForm(self._run, self.glyphs)
        yield TextBlock(self._below(""), id="below")

    def on_mount(self) -> None:
        self._look_around()

    def _plan(self) -> list[Text]:
        """What enter does now."""
        filled = self.query_one(PredictionForm).filled if self.is_mounted else None
        if filled is None or filled.plain:
            said = f"writes prediction.csv from the best weights{' so far' if self._alive else ''}"
        else:
            mean = f"the mean of {count(len(filled.others) + 1, 'run')}" if filled.others else "this run"
            said = f"predicts with {mean}, in a process beside"
            said += "; training goes on as it was" if self._alive else ""
        first, *more = wrap(said, _WIDTH - 6)
        rows = [styled("Enter ", KEY).append(first, PLAIN)]
        rows += [styled(" " * 6 + piece, PLAIN) for piece in more]
        return [*rows, Text()][:2]

    def _below(self, problem: str) -> list[Text]:
        keys = styled("arrows", KEY).append(" choose   ", MUTED).append("space", KEY)
        keys.append(" changes   ", MUTED).append("type", KEY).append(" a folder, a file   ", MUTED)
        rows = [styled(piece, BAD) for piece in wrap(self.glyphs.clean(problem), _WIDTH)] if problem else []
        return [Text(), *rows, keys.append("esc", KEY).append(" leaves", MUTED)]

    @work(thread=True)
    def _look_around(self) -> None:
        """Find the run's test folder, and the runs that know the same classes."""
        # What reads a recipe takes a moment to import.
        from engine.recipe.recipe import load_recipe

        try:
            folder = load_recipe(self._run.recipe).data.test
        except UserError:
            folder = ""
        near = [found.run for found in find_runs(self._run.path.parent, depth=1)]
        found = [one for one in near if one != self._run and self._knows_same(one)]
        Late(self)(self._offer, folder, found)

    def _knows_same(self, run: RunDir) -> bool:
        if not (run.checkpoints / "best").is_dir():
            return False
        try:
            events = JournalReader(run.journal).read(_HEAD)
        except OSError:
            return False
        return any(isinstance(event, DatasetScanned) and event.classes == self._labels for event in events)

    def _offer(self, folder: str, peers: list[RunDir]) -> None:
        self.query_one(PredictionForm).offer(folder, peers)

    def on_prediction_form_changed(self) -> None:
        self.query_one("#above", TextBlock).say([*self._plan(), Text()])
        self.query_one("#below", TextBlock).say(self._below(""))

    def on_key(self, event: KeyEvent) -> None:
        form = self.query_one(PredictionForm)
        if event.character is None or not event.is_printable:
            return
        if form.typing:
            event.stop()
            form.type(event.character)
        elif event.character == " ":
            event.stop()
            form.change()

    def on_paste(self, event: Paste) -> None:
        form = self.query_one(PredictionForm)
        if form.typing:
            form.type(event.text.strip())

    def action_move(self, rows: int) -> None:
        self.query_one(PredictionForm).move(rows)

    def action_change(self) -> None:
        self.query_one(PredictionForm).change()

    def action_erase(self) -> None:
        self.query_one(PredictionForm).type("")

    def action_predict(self) -> None:
        form = self.query_one(PredictionForm)
        try:
            # A living engine knows best what it can predict.
            if form.lacks_folder and not (form.filled.plain and self._alive):
                raise UserError("the run's recipe has no test folder; go to folder and type one")
            wish = form.filled.wish(form.peers)
        except UserError as error:
            self.query_one("#below", TextBlock).say(self._below(str(error)))
        except OSError as error:
            self.query_one("#below", TextBlock).say(self._below(f"{error.filename}: {error.strerror}"))
        else:
            self.dismiss(Choice(wish, plain=form.filled.plain and self._alive))

    def action_close(self) -> None:
        self.dismiss(None)
