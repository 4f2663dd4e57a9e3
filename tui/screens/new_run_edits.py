"""What the form's keys change: a value, a choice, the data folder, the recipe, the model."""

from functools import partial
from pathlib import Path

from rich.style import Style
from textual.dom import DOMNode

from engine.core.errors import UserError
from engine.core.paths import expand_home
from engine.recipe.recipe import load_recipe
from engine.run.directory import check_name
from tui.widgets.form_cursor import CursorList
from tui.widgets.form_fields import FOLDERS, form_fields
from tui.widgets.form_list import DATA, MODEL, NAME, RECIPE, FormList
from tui.widgets.form_state import FormState
from tui.widgets.look import BAD, MUTED, Glyphs

_WORD = "delete"


class NewRunEdits(DOMNode):
    """The part of the screen that changes its form."""

    _state: FormState
    _glyphs: Glyphs
    _runs: Path

    def _say(self, text: str, style: Style) -> None:
        raise NotImplementedError

    def _changed(self) -> None:
        raise NotImplementedError

    def _start(self) -> None:
        raise NotImplementedError

    def on_cursor_list_chosen(self, _message: CursorList.Chosen) -> None:
        self.action_change()

    def action_change(self) -> None:
        key = self.query_one(FormList).current
        if key == DATA:
            self._pick_data()
        elif key == RECIPE:
            self._pick_recipe()
        elif key == MODEL:
            self.action_models()
        elif key == NAME:
            self._type_name()
        elif form_fields()[key].kind == "value":
            self._type(key)
        else:
            self.action_turn(1)

    def action_turn(self, step: int) -> None:
        """Take the next of a key's choices, or the one before."""
        key = self.query_one(FormList).current
        field = form_fields().get(key)
        if field is None or not field.choices:
            return
        at = field.choices.index(self._state.text(key)) if self._state.text(key) in field.choices else 0
        self._put(key, field.choices[(at + step) % len(field.choices)])

    def _type(self, key: str) -> None:
        from tui.screens.runs_entry import EntryScreen

        field = form_fields()[key]
        what = [field.meaning, f"{field.span}; default {field.default or 'empty'}"]

        def judge(text: str) -> None:
            if problem := self._state.problem_of(key, text):
                raise UserError(problem)

        screen = EntryScreen(key, what, self._state.text(key), judge, self._glyphs)
        self.app.push_screen(screen, partial(self._typed, key))

    def _typed(self, key: str, text: str | None) -> None:
        if text is not None:
            self._put(key, text.strip())

    def _put(self, key: str, text: str) -> None:
        self._state.put(key, text)
        self._changed()

    def _type_name(self) -> None:
        from tui.screens.runs_entry import EntryScreen

        what = ["Letters, digits and . _ + = @ -; empty: the time and the model."]

        def judge(text: str) -> None:
            if text:
                check_name(text)
                if (self._runs / text).exists():
                    raise UserError("there is a run of that name already")

        screen = EntryScreen("name of the run", what, self._state.name, judge, self._glyphs)
        self.app.push_screen(screen, self._name_typed)

    def _name_typed(self, text: str | None) -> None:
        if text is not None:
            self._state.name = text
            self._changed()

    def _pick_data(self) -> None:
        from tui.screens.new_run_data import DataScreen

        self.app.push_screen(DataScreen(self._state.data, self._glyphs), self._data_picked)

    def _data_picked(self, folder: Path | None) -> None:
        if folder is not None:
            self._state.data = folder
            for key in FOLDERS:
                self._state.undo(key)
            self._changed()

    def _pick_recipe(self) -> None:
        from tui.screens.new_run_recipe import RecipeScreen

        self.app.push_screen(RecipeScreen(self._glyphs), self._recipe_picked)

    def _recipe_picked(self, source: str | None) -> None:
        from tui.screens.new_run_recipe import FILE
        from tui.screens.runs_entry import EntryScreen

        if source == FILE:
            what = ["A recipe file, TOML; the recipe.toml of a run is one."]
            screen = EntryScreen("recipe", what, "", lambda text: load_recipe(Path(text)), self._glyphs)
            self.app.push_screen(screen, self._recipe_typed)
        elif source:
            self._take_recipe(source)

    def _recipe_typed(self, text: str | None) -> None:
        if text is not None:
            self._take_recipe(str(expand_home(text).absolute()))

    def _take_recipe(self, source: str) -> None:
        try:
            self._state.take(source)
        except UserError as error:
            self._say(str(error), BAD)
            return
        self._changed()
        if self._state.notes:
            self._say("; ".join(self._state.notes), MUTED)

    def action_models(self) -> None:
        from tui.screens.models import ModelsScreen

        screen = ModelsScreen(self._state.text(MODEL), self._glyphs)
        self.app.push_screen(screen, self._model_picked)

    def _model_picked(self, name: str | None) -> None:
        if name:
            self._put(MODEL, name)

    def action_undo(self) -> None:
        key = self.query_one(FormList).current
        if key == NAME:
            self._state.name = ""
        elif key in form_fields():
            self._state.undo(key)
        self._changed()

    def action_only_changed(self) -> None:
        form = self.query_one(FormList)
        form.show_only_changed(not form.only_changed)
        self._changed()

    def action_section(self, step: int) -> None:
        self.query_one(FormList).section(step)

    def _confirm_deletion(self, train: str) -> None:
        from tui.screens.runs_entry import EntryScreen

        what = [
            f"outliers.action=delete removes training images from {self._glyphs.clean(train)} for good.",
            f"outliers.action=quarantine would move them beside it. Type {_WORD} to go on:",
        ]

        def judge(text: str) -> None:
            if text.strip() != _WORD:
                raise UserError(f"type {_WORD}, or esc to go back")

        def confirmed(text: str | None) -> None:
            if text is None:
                self._say("not confirmed; nothing was started", MUTED)
            else:
                self._start()

        self.app.push_screen(EntryScreen("delete images?", what, "", judge, self._glyphs), confirmed)
