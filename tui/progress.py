"""A progress bar on stderr for a run without the console; on anything but a terminal it is nothing."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from engine.journal.state import RunState
from tui.widgets.wording import duration, rate

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressBar:
    """Drawn by ``show``; ``hide`` takes it off the screen, so that lines can be written where it was."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._shown = False

    def __enter__(self) -> Self:
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.completed:.0f}/{task.total:.0f}", markup=False),
                TextColumn("{task.fields[detail]}", markup=False),
                console=Console(stderr=True),
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.hide()

    def show(self, state: RunState) -> None:
        """Draw where the run stands: the epoch's steps, or the prediction's images."""
        if state.ended is not None:
            return
        if state.predicting is not None:
            self.draw("predicting", state.predicting.done, state.predicting.total)
        elif state.epoch is not None:
            step, steps = (state.step.step if state.step else 0), state.epoch.steps
            self.draw(f"epoch {state.epoch.epoch}/{state.epoch.epochs}", step, steps, _detail(state))

    def draw(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Draw ``done`` of ``total`` under a name."""
        if self._progress is None:
            return
        if self._task is None:
            self._task = self._progress.add_task(what, total=total, detail=detail)
        self._progress.update(self._task, description=what, completed=done, total=total, detail=detail)
        if not self._shown:
            self._progress.start()
            self._shown = True
        self._progress.refresh()

    def hide(self) -> None:
        if self._progress is not None and self._shown:
            self._progress.stop()
            self._shown = False


def _detail(state: RunState) -> str:
    if state.full is not None:
        return state.full.words
    return "paused" if state.paused else "validating" if state.validating else _pace(state)


def _pace(state: RunState) -> str:
    if state.step is None:
        return ""
    left = "" if state.step.eta is None else f", {duration(state.step.eta)} left"
    return f"{rate(state.step.images_per_s)} images/s{left}"
