"""A new run: its data, recipe and model, every key of the recipe as a form, and the command line that does the same."""

from pathlib import Path
from typing import ClassVar

from rich.style import Style
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.timer import Timer

from engine.core.errors import UserError
from engine.recipe.recipe import Recipe
from engine.run.directory import RunDir
from tui.cli.devices import default_recipe
from tui.late import Late
from tui.screens import new_run_checks as checks
from tui.screens.box import TextBlock
from tui.screens.new_run_edits import NewRunEdits
from tui.screens.new_run_estimate import NewRunEstimate
from tui.screens.new_run_keys import COMMANDS, NEW_RUN_BINDINGS, footer_keys
from tui.screens.preparing import Preparing
from tui.screens.whole import Whole
from tui.widgets.edge import edge_says
from tui.widgets.form_cursor import CursorList
from tui.widgets.form_list import DATA, MODEL, FormList
from tui.widgets.form_state import Asked, FormState, shell_line
from tui.widgets.form_words import command_rows, meaning
from tui.widgets.keys import Keys
from tui.widgets.lines import Lines
from tui.widgets.look import BAD, GOOD, KEY, MUTED, WARN, Glyphs, styled
from tui.widgets.notice import Notice

_REST = 0.2
"""Seconds after which a change is checked against the disk: who types fast waits for one check."""
_SAID = 6.0


class NewRunScreen(Preparing, NewRunEdits, NewRunEstimate, Whole[RunDir | None]):
    """Gives back the run that was started, or nothing."""

    CSS_PATH = "../styles/new_run.tcss"
    AUTO_FOCUS = "FormList"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide"), (160, "-broad")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = NEW_RUN_BINDINGS
    TOPIC = "new run"
    PALETTE = COMMANDS

    def __init__(self, runs: Path, base: RunDir | None, glyphs: Glyphs, model: str = "") -> None:
        """``runs``: where the run will be; ``base``: a run to begin from; ``model``: taken in place of the recipe's."""
        super().__init__()
        self._runs = runs
        self._base = base
        self._glyphs = glyphs
        self._prepared: Recipe | None = None
        self._decided = ""
        """What was decided about the recipe for lack of a setting."""
        """The complete recipe, once the form has been checked against the disk."""
        self._problem = ""
        """Why it can't begin, as far as the disk was looked at."""
        self._version = 0
        self._said = ("", MUTED)
        self._saying: Timer | None = None
        try:
            self._state = checks.cloned(base) if base is not None else _fresh_form()
        except UserError as error:
            self._state, self._said = _fresh_form(), (str(error), BAD)
        if model:
            self._state.put(MODEL, model)
        self._estimate = {}
        self._estimating = None
        self._resting: Timer | None = None
        self._starting = False
        self.set_class(glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        glyphs = self._glyphs
        title = styled("new run ", KEY)
        if self._base is not None:
            title.append(f"as {glyphs.clean(self._base.name)} ", MUTED)
        yield TextBlock([title.append(f"in {glyphs.clean(str(self._runs))}", MUTED)], id="title")
        with Container(id="body"):
            yield FormList(self._state, glyphs)
            with Vertical(id="side"):
                yield Lines(id="about", classes="panel")
                yield Lines(id="estimate", classes="panel")
                yield Lines(id="command", classes="panel")
        yield Notice()
        yield Keys()

    def on_mount(self) -> None:
        self.query_one("#form").border_title = "recipe"
        for name, title in (
            ("about", "what it is"),
            ("estimate", "estimate"),
            ("command", "the same by typing"),
        ):
            self.query_one(f"#{name}").border_title = title
        self._changed()
        if self._said[0]:
            self._say(*self._said)
        elif self._state.notes:
            self._say("; ".join(self._state.notes), MUTED)

    def on_unmount(self) -> None:
        if self._estimating is not None:
            self._estimating.close()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    # what is shown

    def _changed(self) -> None:
        """Show the form after a change, and have it checked once the hand rests."""
        self._drop_estimate()
        self._version += 1
        self._prepared, self._problem = None, ""
        self.query_one(FormList).tell()
        self._show()
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(_REST, self._look)

    def _look(self) -> None:
        asked = self._state.asked()
        if asked is not None:
            self._check(self._version, asked)

    @work(thread=True, exclusive=True, group="check")
    def _check(self, version: int, asked: Asked) -> None:
        Late(self)(self._checked, version, checks.check(asked))

    def _checked(self, version: int, found: checks.Checked) -> None:
        if version == self._version:
            self._prepared, self._problem, self._decided = found.recipe, found.problem, found.said
            self.query_one(FormList).know(DATA, found.data.words())
            self._show()

    def _show(self) -> None:
        if not self.is_attached:
            return
        glyphs, state, form = self._glyphs, self._state, self.query_one(FormList)
        changed = len(state.changed)
        edge_says(form, subtitle=f"{changed:,} changed" if changed else "as the preset has it")
        about, command = self.query_one("#about", Lines), self.query_one("#command", Lines)
        about.show(meaning(state, form.current, form.fact, *about.content_size, glyphs))
        command.show(command_rows(state.command(self._runs), *command.content_size, glyphs))
        self._show_estimate()
        self.query_one(Notice).say(*self._word())
        keys = footer_keys(
            data=state.data is not None, estimating=self._estimating is not None, only=form.only_changed
        )
        self.query_one(Keys).offer(keys)

    def _word(self) -> tuple[str, Style]:
        if self._said[0]:
            return self._glyphs.clean(self._said[0]), self._said[1]
        return self._standing()

    def _standing(self) -> tuple[str, Style]:
        """Say what is in the way of a start, or that nothing is."""
        clean, state = self._glyphs.clean, self._state
        if state.wrong:
            key, problem = next(iter(state.wrong.items()))
            more = f" (and {len(state.wrong) - 1:,} more)" if len(state.wrong) > 1 else ""
            return clean(problem if key in problem else f"{key}: {problem}") + more, BAD
        if state.data is None:
            return "pick the data folder first: Enter on its row", WARN
        if self._problem:
            return clean(self._problem), BAD
        if self._prepared is None:
            return f"looking at the data folder{self._glyphs.ellipsis}", MUTED
        decided = f"{clean(self._decided)}; " if self._decided else ""
        return f"{decided}ready: r starts it, e estimates the time, v views a batch", GOOD

    def _say(self, text: str, style: Style) -> None:
        """Say something for a moment, in place of how the form stands."""
        self._said = (text, style)
        self.query_one(Notice).say(self._glyphs.clean(text), style)
        if self._saying is not None:
            self._saying.stop()
        self._saying = self.set_timer(_SAID, self._unsay)

    def _unsay(self) -> None:
        self._said = ("", MUTED)
        self._show()

    def on_cursor_list_moved(self, _message: CursorList.Moved) -> None:
        self._show()

    # preview, command, start, ablation

    def action_preview(self) -> None:
        from tui.screens.new_run_preview import PreviewScreen

        if (recipe := self._whole()) is not None:
            self.app.push_screen(PreviewScreen(recipe, self.size, self._glyphs))

    def action_copy(self) -> None:
        line = shell_line(self._state.command(self._runs))
        self.app.copy_to_clipboard(line)
        self._say("the command line is copied, where the terminal lets programs copy", GOOD)

    def action_start(self) -> None:
        if self._starting or (recipe := self._whole()) is None:
            return
        if recipe.outliers.method != "none" and recipe.outliers.action == "delete":
            self._confirm_deletion(recipe.data.train)
        else:
            self._start()

    def _start(self) -> None:
        asked = self._state.asked()
        if asked is not None:
            self._starting = True
            self._say(f"starting{self._glyphs.ellipsis}", KEY)
            self._start_engine(asked)

    @work(thread=True, group="start")
    def _start_engine(self, asked: Asked) -> None:
        Late(self)(self._started, *checks.start(asked, self._runs))

    def _started(self, run: RunDir | None, problem: str) -> None:
        self._starting = False
        if run is not None:
            self.dismiss(run)
        else:
            self._say(problem, BAD)

    def _whole(self) -> Recipe | None:
        """Return the complete recipe; None while something is wrong, which is said, the cursor put where it is."""
        state, form = self._state, self.query_one(FormList)
        if state.wrong:
            form.put_cursor(next(iter(state.wrong)))
        elif state.data is None:
            form.put_cursor(DATA)
        else:
            return self._prepared
        self._unsay()
        return None

    def action_ablate(self) -> None:
        from tui.screens.new_run_ablate import AblateScreen

        recipe = self._prepared if self._prepared is not None else self._standing()[0]
        epoch_s = self._estimate.get("epoch_s")
        screen = AblateScreen(self._state.asked(), recipe, epoch_s, self._runs, self._glyphs)
        self.app.push_screen(screen, self._ablation_begun)

    def _ablation_begun(self, words: str | None) -> None:
        if words:
            self.app.notify(self._glyphs.clean(words), timeout=10, markup=False)
            self.dismiss(None)

    def action_back(self) -> None:
        self.dismiss(None)


def _fresh_form() -> FormState:
    default = default_recipe()
    form = FormState(default.name, None)
    for setting in default.settings:
        form.put(*setting.split("=", 1))
    return form
