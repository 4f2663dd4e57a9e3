"""What the live view opens over itself: pictures, tables, panels over the whole screen, dialogues."""

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from textual.events import Click
from textual.widget import Widget

from engine.control.commands import Predict
from tui.screens.choosing import Choosing
from tui.screens.live_steers import LiveSteers
from tui.widgets.keys import Key
from tui.widgets.look import MUTED
from tui.widgets.view import View

if TYPE_CHECKING:
    from tui.screens.confusion import ConfusionScreen
    from tui.screens.gallery import GalleryScreen
    from tui.screens.predict_dialogue import Choice
    from tui.screens.zoom import ZoomScreen
    from tui.settings import Memory
    from tui.widgets.prediction_job import PredictionJob

    Above = GalleryScreen | ConfusionScreen | ZoomScreen


class LiveOpens(Choosing, LiveSteers):
    """The part of the screen that opens others; each is imported when it is first wanted."""

    _above: "Above | None"
    """The screen over this one that is to know how the run stands."""
    _prediction_job: "PredictionJob | None"
    _memory: "Memory"
    barred: ClassVar[Collection[str]] = ()
    """Actions of a live view that this one doesn't take."""

    def _view(self) -> View:
        raise NotImplementedError

    def _offered(self, *, log: bool) -> list[Key]:
        raise NotImplementedError

    def action_predict(self) -> None:
        if self._prediction_job is not None and not self._prediction_job.ended:
            self.action_predictions()  # there it can be cancelled
            return
        from tui.screens.predict_dialogue import PredictDialogue

        classes = self._model.state.data.classes if self._model.state.data is not None else []
        dialogue = PredictDialogue(self.follower.run, classes, self._alive, self._glyphs)
        self.app.push_screen(dialogue, self._predict)

    def _predict(self, choice: "Choice | None") -> None:
        """Do what the dialogue gave: ask the engine for the plain thing, do anything else in a process beside."""
        if choice is not None and choice.plain:
            self._send(Predict(), "prediction")
        elif choice is not None:
            from tui.widgets.prediction_job import PredictionJob

            self._prediction_job = PredictionJob(choice.wish, lambda: None)
            self._prediction_job.start()
            self.action_predictions()

    def action_predictions(self) -> None:
        from tui.screens.predictions import PredictionsScreen

        shown = PredictionsScreen(
            self.follower.run, self._prediction_job, lambda: self.status, self._glyphs, self._clock
        )
        self.app.push_screen(shown, self._predictions_left)

    def _predictions_left(self, another: bool | None) -> None:
        job = self._prediction_job
        if job is not None and job.ended and job.problem:
            self._prediction_job = None  # it has been said, and wrote nothing that could be shown
        if another:
            self.action_predict()

    def action_outliers(self) -> None:
        from tui.screens.gallery import GalleryScreen

        self._open(GalleryScreen(self.follower.run, self._view(), self._clock, self._memory))

    def action_matrix(self) -> None:
        from tui.screens.confusion import ConfusionScreen

        self._open(ConfusionScreen(self.follower.run, self._view(), self._clock, self._memory))

    def action_zoom(self, number: int) -> None:
        """Show a panel, counted from 1, over the whole screen."""
        from tui.screens.zoom import ZoomScreen

        name, view = self.follower.run.name, self._view()
        self._open(ZoomScreen(number, name, view, self._memory, barred=self.barred))

    def _open(self, screen: "Above") -> None:
        self._above = screen
        self.app.push_screen(screen, self._above_closed)

    async def _above_closed(self, action: str | None) -> None:
        self._above = None
        await self._command_chosen(action)

    def action_zoom_focused(self) -> None:
        self._zoom_to(self.screen.focused)

    def on_click(self, event: Click) -> None:
        if event.chain == 2:
            self._zoom_to(event.widget)

    def _zoom_to(self, widget: Widget | None) -> None:
        from tui.screens.zoom import PANELS

        if widget is not None and widget.id in PANELS:
            self.action_zoom(PANELS.index(widget.id) + 1)

    def action_replay(self) -> None:
        if self._alive:
            self._say("the run is under way; R replays it once it has ended", MUTED)
        else:
            from tui.screens.replay import ReplayScreen

            self.app.push_screen(ReplayScreen(self.follower.run, 1.0, self._glyphs, self._memory))

    def action_quit_menu(self) -> None:
        from tui.screens.quit import QuitScreen

        if self._alive:
            self.app.push_screen(QuitScreen(self._glyphs), self._quit_chosen)
        else:
            self._leave()

    def _quit_chosen(self, choice: str | None) -> None:
        if choice == "detach":
            self._leave()
        elif choice in ("stop", "after_epoch"):
            self.action_stop(choice == "after_epoch")

    def _leave(self) -> None:
        self.app.exit(1 if self.status == "failed" else 0)

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self._glyphs))

    def action_commands(self) -> None:
        from tui.screens.commands import CommandsScreen

        offered = self._offered(log=False)
        self.app.push_screen(CommandsScreen(offered, self._alive, self._glyphs), self._command_chosen)
