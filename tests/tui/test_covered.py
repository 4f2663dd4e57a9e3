"""A screen that another covers: it draws nothing there, and is up to date when it is seen again."""

import asyncio
from collections.abc import Callable

import made_runs
import msgspec
import pyte
import pytest
from textual._compositor import CompositorUpdate
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen
from watching import PlayedEngine, plotted, screen_text, shows, until

from engine.journal.events import Step
from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.screens.live import LiveScreen
from tui.widgets.menu import Menu
from tui.widgets.progress import Progress

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
WIDE, NARROW = (120, 40), (80, 24)


def further(run: RunDir, engine: PlayedEngine) -> int:
    """Have the run take a step of another loss, and return its number."""
    step = made_runs.live()[-1]
    assert isinstance(step, Step)
    engine.says(msgspec.structs.replace(step, step=step.step + 1, loss=12.3456))
    return step.step + 1


def below(app: ConsoleApp) -> LiveScreen:
    (live,) = [screen for screen in app.screen_stack if isinstance(screen, LiveScreen)]
    return live


class Drawn:
    """What is written to the terminal from the moment on at which this is made."""

    def __init__(self, app: ConsoleApp, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sequences: list[str] = []
        self._app, self._display = app, app._display
        monkeypatch.setattr(app, "_display", self._note)

    def _note(self, screen: Screen[object], update: object) -> None:
        if isinstance(update, CompositorUpdate):
            self.sequences.append(update.render_segments(self._app.console))
        self._display(screen, update)  # type: ignore[arg-type]

    @property
    def screen(self) -> str:
        """What a terminal of ``WIDE`` has on it."""
        screen = pyte.Screen(*WIDE)
        pyte.Stream(screen).feed("".join(self.sequences))
        return "\n".join(screen.display)


async def rests(pilot: Pilot[int]) -> None:
    """Let come what comes late: a picture, a plot."""
    for _ in range(3):
        await pilot.pause(0.3)


@pytest.mark.parametrize("key", ["o", "m", "1", "2", "3", "5"])
async def test_what_changes_below_a_screen_costs_nothing(
    make: Make, console: Console, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    run = make(made_runs.live(), alive=True)
    engine, app = PlayedEngine(run), console(run)
    async with app.run_test(size=WIDE) as pilot:
        await plotted(pilot)
        await pilot.press(key)
        await shows(pilot, "esc back")
        await rests(pilot)
        drawn = Drawn(app, monkeypatch)
        number = further(run, engine)
        await until(pilot, lambda: below(app)._view().state.step.step == number)
        await pilot.pause(0.5)
        assert len("".join(drawn.sequences)) < 300, drawn.sequences
        await pilot.press("escape")
        await shows(pilot, "12.3456", "outlier log")


async def test_what_changes_beneath_a_box_costs_what_it_does_without_one(
    make: Make, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The box doesn't cover the progress: the new loss is seen beside it, and nothing else is drawn."""
    run = make(made_runs.live(), alive=True)
    engine, app = PlayedEngine(run), console(run)
    async with app.run_test(size=WIDE) as pilot:
        await plotted(pilot)
        await pilot.press("question_mark")
        await shows(pilot, "closing this console")
        await rests(pilot)
        drawn = Drawn(app, monkeypatch)
        further(run, engine)
        await shows(pilot, "12.3456", "closing this console")
        await pilot.pause(0.5)
        assert 0 < len("".join(drawn.sequences)) < 1500, drawn.sequences


async def test_a_box_and_what_is_beneath_it_change_at_once(
    make: Make, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither makes the console forget to draw the other: the menu's mark is where Enter would choose."""
    run = make(made_runs.live(), alive=True)
    app = console(run)
    drawn = Drawn(app, monkeypatch)
    async with app.run_test(size=WIDE) as pilot:
        await plotted(pilot)
        await pilot.press("q")
        await shows(pilot, "detach")
        await rests(pilot)
        beneath, menu = below(app).query_one(Progress), app.screen.query_one(Menu)

        def both() -> None:
            menu.action_move(1)
            beneath.refresh(Region(0, 0, 8, 1))

        for pause in (0.001, 0.003, 0.006, 0.009, 0.012, 0.015) * 2:
            app.call_later(beneath.refresh, Region(0, 0, 8, 1))
            await asyncio.sleep(pause)  # into the same frame, and into the next
            app.call_later(both)
            await pilot.pause(0.1)
            await until(pilot, lambda: drawn.screen == screen_text(pilot))


@pytest.mark.parametrize(("first", "then"), [(WIDE, NARROW), (NARROW, WIDE)])
@pytest.mark.parametrize("key", ["o", "m", "1"])
async def test_resized_while_covered(
    make: Make, console: Console, first: tuple[int, int], then: tuple[int, int], key: str
) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=then) as pilot:
        await plotted(pilot)
        fresh = screen_text(pilot)
    async with console(run).run_test(size=first) as pilot:
        await plotted(pilot)
        await pilot.press(key)
        await shows(pilot, "esc back")
        await pilot.resize_terminal(*then)
        await pilot.pause(0.3)
        await pilot.press("escape")
        await until(pilot, lambda: screen_text(pilot) == fresh)


async def test_another_theme_while_covered(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    app = console(run)
    async with app.run_test(size=WIDE) as pilot:
        await plotted(pilot)
        await pilot.press("1")
        await shows(pilot, "esc back")
        await pilot.press("T")
        await pilot.pause(0.3)
        ground = app.screen.styles.background
        await pilot.press("escape")
        await shows(pilot, "outlier log")
        assert app.screen.styles.background == ground
        row = app.screen._compositor.render_strips()[10]
        grounds = {s.style.bgcolor.get_truecolor() for s in row if s.style and s.style.bgcolor}
        assert grounds == {ground.rich_color.get_truecolor()}
