"""What a new run will take: parameters, memory and time, from a few real steps."""

from typing import Any

from rich.style import Style
from textual.dom import DOMNode

from engine.recipe.recipe import Recipe
from tui.late import Late
from tui.widgets.form_helper import RecipeHelper
from tui.widgets.form_state import FormState
from tui.widgets.form_words import estimate_rows
from tui.widgets.lines import Lines
from tui.widgets.look import BAD, MUTED, Glyphs, styled


class NewRunEstimate(DOMNode):
    """The part of the screen that measures its form's run."""

    _state: FormState
    _glyphs: Glyphs
    _estimate: dict[str, Any]
    """What ``engine.tools.estimate`` has told so far."""
    _estimating: RecipeHelper | None

    def _say(self, text: str, style: Style) -> None:
        raise NotImplementedError

    def _show(self) -> None:
        raise NotImplementedError

    def _whole(self) -> Recipe | None:
        raise NotImplementedError

    def _show_estimate(self) -> None:
        pane = self.query_one("#estimate", Lines)
        width, height = pane.content_size
        if not width or not height:
            return
        rows = estimate_rows(self._estimate, self._state.recipe.train.epochs, width, height, self._glyphs)
        if self._estimating is not None and len(rows) < height:
            rows.append(styled(f"measuring{self._glyphs.ellipsis} e cancels", MUTED))
        pane.show(rows or [styled("e runs a few real steps to see", MUTED)])

    def _drop_estimate(self) -> None:
        """Forget what was measured of another form."""
        if self._estimating is not None:
            self._estimating.close()
        self._estimating, self._estimate = None, {}
        self.remove_class("-estimated")

    def action_estimate(self) -> None:
        if self._estimating is not None:
            self._drop_estimate()
            self._say("the estimate was cancelled", MUTED)
        elif (recipe := self._whole()) is not None:
            self._drop_estimate()
            self.add_class("-estimated")
            late = Late(self)
            self._estimating = helper = RecipeHelper(
                "engine.tools.estimate", recipe, [],
                lambda fact: late(self._measured, helper, fact),
                lambda problem: late(self._estimated, helper, problem),
            )  # fmt: skip
        self.call_after_refresh(self._show)

    def _measured(self, helper: RecipeHelper, fact: dict[str, Any]) -> None:
        if helper is self._estimating:
            self._estimate.update(fact)
            self._show()

    def _estimated(self, helper: RecipeHelper, problem: str) -> None:
        if helper is not self._estimating:
            return
        helper.close()
        self._estimating = None
        if problem:
            self._say(problem, BAD)
        self._show()
