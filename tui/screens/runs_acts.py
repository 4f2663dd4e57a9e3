"""What the list of runs does to runs: resume, stop, rename, tag, note, trash, undo."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.style import Style
from textual import work
from textual.dom import DOMNode

from engine.core.text import count
from engine.run.directory import check_name
from engine.run.labels import check_note, check_tags
from tui.late import Late
from tui.run_rows import RunRow
from tui.widgets.look import MUTED, WARN, Glyphs
from tui.widgets.run_list import RunList
from tui.widgets.runs_keys import resumable

if TYPE_CHECKING:
    from engine.run.directory import RunDir
    from engine.run.moves import Trashed
    from tui.listing import Listing

T = TypeVar("T")

_KEPT = "the trash is kept until vrdl-tui runs --empty-trash"


class RunsActs(DOMNode):
    """The part of the screen that changes runs: each act goes to a thread, and its outcome is said."""

    _runs: Path
    _glyphs: Glyphs
    _listing: "Listing"
    _trashed: "list[list[Trashed]]"
    """What ``u`` brings back, newest last, each as it went."""

    def _say(self, text: str, style: Style) -> None:
        raise NotImplementedError

    def _said(self, text: str, problem: str) -> None:
        raise NotImplementedError

    @property
    def _chosen(self) -> list[RunRow]:
        return self.query_one(RunList).chosen

    @work(thread=True)
    def _do(self, act: Callable[[], T], told: Callable[[T], None]) -> None:
        outcome = act()
        Late(self)(self._told, told, outcome)

    def _told(self, told: Callable[[T], None], outcome: T) -> None:
        self._listing.look_now()
        if self.is_attached:
            told(outcome)

    def _named(self, rows: list[RunRow]) -> str:
        return rows[0].name if len(rows) == 1 else count(len(rows), "run")

    def action_resume(self) -> None:
        from tui import run_actions

        rows = [row for row in self._chosen if resumable(row)]
        if not rows:
            if self._chosen:
                self._say("nothing to resume: a stopped, interrupted or failed run can go on", MUTED)
            return
        self._say(f"resuming {self._named(rows)}{self._glyphs.ellipsis}", MUTED)
        self._do(partial(run_actions.resume_runs, rows), self._resumed)

    def _resumed(self, outcome: tuple[list[RunRow], str]) -> None:
        done, problem = outcome
        self._said(f"{self._named(done)}: goes on from the last checkpoint" if done else "", problem)

    def action_stop(self) -> None:
        from tui.screens.runs_stop import StopScreen

        rows = [row for row in self._chosen if row.alive]
        if rows:
            what = f"{self._glyphs.clean(self._named(rows))} {'is' if len(rows) == 1 else 'are'} live."
            self.app.push_screen(StopScreen(what, self._glyphs), partial(self._stop_chosen, rows))
        elif self._chosen:
            self._say("nothing to stop: no engine is running", MUTED)

    def _stop_chosen(self, rows: list[RunRow], choice: str | None) -> None:
        from tui import run_actions

        if choice:
            after_epoch = choice == "after_epoch"
            self._do(
                partial(run_actions.stop_runs, rows, after_epoch=after_epoch),
                partial(self._stopped, "stop after this epoch" if after_epoch else "stop"),
            )

    def _stopped(self, label: str, outcome: tuple[list[RunRow], str]) -> None:
        done, problem = outcome
        self._said(f"{self._named(done)}: {label} requested" if done else "", problem)

    def action_rename(self) -> None:
        from tui.screens.runs_entry import EntryScreen

        row = self.query_one(RunList).current
        if row is None:
            return
        if row.alive:
            self._say(f"{row.name} is running: stop it first, then rename it", WARN)
            return
        what = ["The new name of the run's folder: letters, digits and . _ + = @ -"]
        screen = EntryScreen("rename", what, row.run.name, check_name, self._glyphs)
        self.app.push_screen(screen, partial(self._rename_typed, row))

    def _rename_typed(self, row: RunRow, name: str | None) -> None:
        from tui import run_actions

        if name is not None and name != row.run.name:
            self._do(partial(run_actions.rename, row, name), partial(self._renamed, row))

    def _renamed(self, row: RunRow, outcome: "tuple[RunDir | None, str]") -> None:
        run, problem = outcome
        if run is not None:
            self.query_one(RunList).put_cursor(run)
        self._said(f"{row.name} is now {run.name}" if run is not None else "", problem)

    def action_tags(self) -> None:
        from tui.screens.runs_entry import EntryScreen

        rows = self._chosen
        if not rows:
            return
        common = tuple(tag for tag in rows[0].labels.tags if all(tag in row.labels.tags for row in rows))
        what = [f"Tags of {self._glyphs.clean(self._named(rows))}, with spaces between them."]
        if len(rows) > 1:
            what.append("Below are those that all of them have; their other tags stay.")
        screen = EntryScreen("tags", what, " ".join(common), check_tags, self._glyphs)
        self.app.push_screen(screen, partial(self._tags_typed, rows, common))

    def _tags_typed(self, rows: list[RunRow], common: tuple[str, ...], typed: str | None) -> None:
        from tui import run_actions

        if typed is not None:
            self._do(partial(run_actions.tag_runs, rows, common, check_tags(typed)), self._tagged)

    def _tagged(self, outcome: tuple[list[RunRow], str]) -> None:
        done, problem = outcome
        self._said(f"{self._named(done)}: tags kept" if done else "", problem)

    def action_note(self) -> None:
        from tui.screens.runs_entry import EntryScreen

        row = self.query_one(RunList).current
        if row is not None:
            what = [f"The note of {self._glyphs.clean(row.name)}, one line."]
            screen = EntryScreen("note", what, row.labels.note, check_note, self._glyphs)
            self.app.push_screen(screen, partial(self._note_typed, row))

    def _note_typed(self, row: RunRow, typed: str | None) -> None:
        from tui import run_actions

        if typed is not None:
            self._do(partial(run_actions.note_run, row, check_note(typed)), partial(self._noted, row))

    def _noted(self, row: RunRow, problem: str) -> None:
        self._said("" if problem else f"{row.name}: note kept", problem)

    def action_trash(self) -> None:
        from tui import run_actions

        if self._chosen:
            self._do(partial(run_actions.trash_runs, self._runs, self._chosen), self._thrown_away)

    def _thrown_away(self, outcome: "tuple[list[Trashed], str]") -> None:
        trashed, problem = outcome
        if trashed:
            self._trashed.append(trashed)
        what = trashed[0].name if len(trashed) == 1 else count(len(trashed), "run")
        back = f"u brings {'it' if len(trashed) == 1 else 'them'} back"
        self._said(f"{what} moved to the trash: {back}; {_KEPT}" if trashed else "", problem)

    def action_undo(self) -> None:
        from tui import run_actions

        newest = self._trashed.pop() if self._trashed else []
        self._do(partial(run_actions.undo_trash, self._runs, newest), self._restored)

    def _restored(self, outcome: "tuple[list[RunDir], str]") -> None:
        runs, problem = outcome
        if not runs and not problem:
            self._say("the trash is empty", MUTED)
            return
        if runs:
            self.query_one(RunList).put_cursor(runs[0])
        what = runs[0].name if len(runs) == 1 else count(len(runs), "run")
        self._said(f"{what} back from the trash" if runs else "", problem)

    def action_new_run(self, like: bool) -> None:
        from tui.screens.new_run import NewRunScreen

        row = self.query_one(RunList).current if like else None
        screen = NewRunScreen(self._runs, row.run if row is not None else None, self._glyphs)
        self.app.push_screen(screen, self._open_started)

    def _open_started(self, run: "RunDir | None") -> None:
        if run is not None:
            self.post_message(RunList.Opened(run))

    def action_models(self) -> None:
        from tui.screens.models import ModelsScreen

        self.app.push_screen(ModelsScreen("", self._glyphs), self._model_taken)

    def _model_taken(self, model: str | None) -> None:
        from tui.screens.new_run import NewRunScreen

        if model:
            self.app.push_screen(NewRunScreen(self._runs, None, self._glyphs, model), self._open_started)
