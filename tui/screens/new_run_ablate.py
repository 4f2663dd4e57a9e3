"""An ablation on the recipe of a new run: planned, started in the background, looked at, stopped, gone on with."""

from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key as KeyEvent

from engine.analysis.ablation import Plan, make_plan
from engine.core.errors import UserError
from engine.core.text import count
from engine.recipe.recipe import Recipe
from engine.run.directory import check_name
from tui import ablations
from tui.late import Late
from tui.screens.box import Box, TextBlock
from tui.screens.choosing import Choosing
from tui.widgets.ablation_form import AblationForm
from tui.widgets.ablation_words import standing_words
from tui.widgets.form_state import Asked, shell_line
from tui.widgets.form_words import command_rows
from tui.widgets.keys import Key, Keys
from tui.widgets.look import BAD, GOOD, MUTED, PLAIN, STRONG, Glyphs, styled
from tui.widgets.wording import duration
from tui.widgets.wrapping import wrap

_WIDTH = 70
_COMMAND_ROWS = 6
_PERIOD = 1.0


class AblateScreen(Box[str], Choosing):
    """Gives back what was started, in words, or nothing."""

    CSS_PATH = ["../styles/box.tcss", "../styles/new_run.tcss"]  # type: ignore[assignment] # noqa: RUF012
    title_text = "ablate"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c,ctrl+q", "close", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down,tab", "move(1)", show=False),
        Binding("left", "change(-1)", show=False),
        Binding("right", "change(1)", show=False),
        Binding("backspace", "erase", show=False),
        Binding("enter", "start", show=False),
    ]

    def __init__(
        self,
        asked: Asked | None,
        recipe: Recipe | str,
        epoch_s: float | None,
        runs: Path,
        glyphs: Glyphs,
    ) -> None:
        """``recipe``: complete, or why there is none; ``epoch_s``: seconds that one epoch takes, where known."""
        super().__init__(glyphs)
        self._asked = asked
        self._recipe = recipe
        self._epoch_s = epoch_s
        self._runs = runs
        self._seen = ablations.Seen(None, "", [])
        self._said: tuple[str, Style] | None = None
        self._busy = False

    def content(self) -> ComposeResult:
        yield AblationForm(self.glyphs)
        yield TextBlock([], id="below")
        yield Keys()

    def on_mount(self) -> None:
        self._look()
        self.set_interval(_PERIOD, self._look)
        self._show()

    @property
    def _folder(self) -> Path:
        return self._runs / self.query_one(AblationForm).wanted.name

    def _plan(self) -> Plan:
        """Return what the form asks for. Raises UserError with what is wrong with it."""
        wanted = self.query_one(AblationForm).wanted
        check_name(wanted.name)
        if isinstance(self._recipe, str):
            raise UserError(self._recipe)
        if not wanted.names:
            raise UserError("no experiment is chosen: space turns one on")
        return make_plan(self._recipe, wanted.chosen, wanted.seeds)

    def _look(self) -> None:
        try:
            check_name(self._folder.name)
        except UserError:
            self._seen = self._seen._replace(standing=None, problem="")
            return
        try:
            plan = self._plan()
        except UserError:
            plan = None
        self._look_at(self._folder, plan)

    @work(thread=True, exclusive=True, group="look")
    def _look_at(self, folder: Path, plan: Plan | None) -> None:
        Late(self)(self._looked, folder, ablations.look(folder, plan))

    def _looked(self, folder: Path, seen: ablations.Seen) -> None:
        if folder == self._folder:
            before, self._seen = self._seen.standing, seen
            if before is not None and seen.standing is not None and before.alive != seen.standing.alive:
                self._said = None
            self.query_one(AblationForm).folders = seen.folders
            self._show()

    # what is shown

    def _show(self) -> None:
        if not self.is_attached:
            return
        rows = [Text()]
        for text, style in (*self._plan_words(), *self._state_words()):
            rows += [styled(piece, style) for piece in wrap(self.glyphs.clean(text), _WIDTH)]
        if self._asked is not None:
            words = self.query_one(AblationForm).wanted.command(self._asked, self._runs)
            rows += [Text(), styled("the same by typing:", MUTED)]
            rows += command_rows(words, _WIDTH, _COMMAND_ROWS, self.glyphs)
        self.query_one("#below", TextBlock).say([*rows, Text()])
        self.query_one(Keys).offer(self._keys())

    def _plan_words(self) -> list[tuple[str, Style]]:
        wanted = self.query_one(AblationForm).wanted
        if isinstance(self._recipe, str) or not wanted.names:
            return []
        epochs = self._recipe.train.epochs
        text = f"{count(wanted.runs, 'run')} of at most {count(epochs, 'epoch')}, one after the other"
        if self._epoch_s is None:
            return [(text, STRONG), ("how long that takes: e on the form estimates an epoch", MUTED)]
        most = duration(self._epoch_s * epochs * wanted.runs)
        spared = "; looking for outliers comes on top" if "outliers" in wanted.names else ""
        return [(f"{text}: {most} at most by the estimate{spared}", STRONG)]

    def _state_words(self) -> list[tuple[str, Style]]:
        told: list[tuple[str, Style]] = []
        standing = self._seen.standing
        if standing is not None:
            told.append(standing_words(standing, self.glyphs))
        if self._said is not None:
            told.append(self._said)
        elif standing is not None and standing.alive:
            told.append(("it goes on when the console is closed", MUTED))
        elif self._problem:
            told.append((self._problem, BAD))
            if standing is not None and not standing.done:
                told.append(("g goes on with it as it was planned", PLAIN))
        return told

    @property
    def _problem(self) -> str:
        try:
            self._plan()
        except UserError as error:
            return str(error)
        return self._seen.problem

    def _keys(self) -> list[Key]:
        standing, typing = self._seen.standing, self.query_one(AblationForm).typing
        keys: list[Key] = []
        if standing is not None and standing.alive:
            keys.append(Key("S", "stop it", "stop"))
        elif not self._problem:
            keys.append(Key("Enter", "start" if standing is None else "go on", "start"))
        if standing is not None and not standing.alive and not standing.done:
            keys.append(Key("g", "go on as planned", "go_on"))
        if not typing:
            keys += [Key("space", "change", "change(1)"), Key("y", "copy", "copy")]
        return [*(key for key in keys if not typing or len(key.key) > 1), Key("esc", "back", "close")]

    # what the keys do

    def on_ablation_form_changed(self) -> None:
        self._said = None
        if self._seen.standing is not None and self._seen.standing.folder != self._folder:
            self._seen = self._seen._replace(standing=None, problem="")
        self._show()
        self._look()

    async def on_key(self, event: KeyEvent) -> None:
        if event.character is None or not event.is_printable:
            return
        event.stop()
        form = self.query_one(AblationForm)
        if form.typing:
            form.type(event.character)
            return
        action = {" ": "change(1)", "S": "stop", "g": "go_on", "y": "copy"}.get(event.character)
        if action is not None:
            await self.run_action(action)

    def action_move(self, rows: int) -> None:
        self.query_one(AblationForm).move(rows)

    def action_change(self, step: int) -> None:
        self.query_one(AblationForm).change(step)

    def action_erase(self) -> None:
        self.query_one(AblationForm).type("")

    def action_copy(self) -> None:
        wanted = self.query_one(AblationForm).wanted
        self.app.copy_to_clipboard(shell_line(wanted.command(self._asked, self._runs)))
        self._say("the command line is copied, where the terminal lets programs copy", GOOD)

    def action_start(self) -> None:
        standing = self._seen.standing
        if self._problem or (standing is not None and standing.alive):
            self._show()
            return
        plan = self._plan()
        runs = count(len(plan.seeds) * (1 + len(plan.names)), "run")
        self._do(partial(ablations.start, self._folder, plan), f"{runs}, one after the other")

    def action_go_on(self) -> None:
        standing = self._seen.standing
        if standing is not None and not standing.alive and not standing.done:
            left = f"{standing.planned - standing.finished:,} of {count(standing.planned, 'run')} to go"
            self._do(partial(ablations.go_on, self._folder), left)

    def action_stop(self) -> None:
        standing = self._seen.standing
        if standing is not None and standing.alive:
            self._stop(self._folder)

    @work(thread=True, group="act")
    def _stop(self, folder: Path) -> None:
        problem = ablations.stop(folder)
        word = (problem, BAD) if problem else ("stopping with a checkpoint; it can go on later", GOOD)
        Late(self)(self._say, *word)

    def _do(self, act: "partial[str]", words: str) -> None:
        if not self._busy:
            self._busy = True
            self._say(f"starting{self.glyphs.ellipsis}", MUTED)
            self._begin(act, f"{self._folder.name}: {words}; the table of runs shows where it is")

    @work(thread=True, group="act")
    def _begin(self, act: "partial[str]", words: str) -> None:
        Late(self)(self._begun, act(), words)

    def _begun(self, problem: str, words: str) -> None:
        self._busy = False
        if problem:
            self._say(problem, BAD)
        else:
            self.dismiss(words)

    def _say(self, text: str, style: Style) -> None:
        self._said = (text, style)
        self._show()

    def action_close(self) -> None:
        self.dismiss("")
