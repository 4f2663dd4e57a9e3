"""What the keys of the table of predicted images do."""

from collections.abc import Callable

from textual.widgets import Input

from engine.journal.state import Status
from tui.screens.looking import FAR, Looking
from tui.widgets.keys import Key
from tui.widgets.look import KEY, MUTED
from tui.widgets.prediction_items import ORDERS, Loaded, Order
from tui.widgets.prediction_job import PredictionJob
from tui.widgets.prediction_rows import Rows


class PredictionsActs(Looking):
    """The part of the screen that acts: order, filter, the prediction that is under way."""

    _job: PredictionJob | None
    _status: Callable[[], Status]
    _loaded: Loaded | None
    _order: Order
    _filter: str

    def _arrange(self) -> None:
        raise NotImplementedError

    def _keys(self, *, there: bool, going: bool) -> list[Key]:
        raise NotImplementedError

    def action_move(self, rows: int) -> None:
        self.query_one("#images", Rows).move(rows)

    def action_page(self, pages: int) -> None:
        self.query_one("#images", Rows).page(pages)

    def action_end(self, way: int) -> None:
        self.action_move(way * FAR)

    def action_sort(self) -> None:
        known = self._loaded is not None and not self._loaded.note
        orders = ORDERS if known else tuple(one for one in ORDERS if not one.endswith("certain"))
        self._order = (
            orders[(orders.index(self._order) + 1) % len(orders)] if self._order in orders else orders[0]
        )
        self._arrange()

    def action_filter(self) -> None:
        if self._loaded is not None:
            self.add_class("-filter")
            self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter = event.value
        self._arrange()

    def on_input_submitted(self) -> None:
        self.screen.set_focus(None)

    def action_cancel(self) -> None:
        if self._job is None or self._job.ended:
            self._say("no prediction is under way", MUTED)
        else:
            self._job.cancel()
            self._say(f"cancelling{self._glyphs.ellipsis}", KEY)

    def action_leave(self) -> None:
        self.app.exit(1 if self._status() == "failed" else 0)

    def action_help(self) -> None:
        from tui.screens.confusion_help import PREDICTION_KEYS, PREDICTION_NOTE, KeyHelp

        self.app.push_screen(KeyHelp(PREDICTION_KEYS, PREDICTION_NOTE, self._glyphs))

    def action_commands(self) -> None:
        from tui.screens.commands import CommandsScreen

        going = self._job is not None and not self._job.ended
        offered = self._keys(there=self._loaded is not None, going=going)
        self.app.push_screen(CommandsScreen(offered, False, self._glyphs), self._command_chosen)
