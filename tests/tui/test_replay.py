"""Replay: a finished run played back on a clock that can be stopped, set and hurried."""

import re
from collections.abc import Callable
from pathlib import Path

import made_runs
import msgspec
import pytest
from made_replays import LENGTH, START, run_of
from textual.pilot import Pilot
from watching import plotted, screen_text, shows, until

from engine.journal.events import RunEnded, RunStarted, RunWarning, StageStarted, encode_line
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tests.cli.calling import refusal
from tests.e2e.terminal import Terminal
from tui.app import ConsoleApp
from tui.play_clock import PlayClock
from tui.replay import Replay
from tui.screens.live import LiveScreen
from tui.screens.replay import ReplayScreen
from tui.screens.zoom import ZoomScreen
from tui.widgets.menu import Menu

FIFTY = ["colon", "5", "0", "enter"]


SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
def over(make: Callable[..., RunDir]) -> RunDir:
    run = make([], alive=False)
    run_of(run, made_runs.finished())
    return run


def folded(run: RunDir, t: float) -> RunState:
    state = RunState()
    state.apply_all(event for event in JournalReader(run.journal).read() if event.t <= t)
    return state


async def test_set_anywhere_the_model_is_the_run_as_it_stood(over: RunDir) -> None:
    clock = PlayClock(1.0, lambda: 50.0)
    replay = Replay(over, clock)
    app = ConsoleApp(over.path.parent, None)
    async with app.run_test() as pilot:
        replay.start()
        await until(pilot, replay.ready.is_set)
        for share in (0.3, 0.31, 0.9, 0.2, 0.0, 1.0, 0.5):
            clock.seek(share)
            replay.look_now()
            wanted = folded(over, clock.now())

            def arrived(wanted: RunState = wanted) -> bool:
                events, alive = replay.take()
                replay.model.apply(events)
                return replay.model.state == wanted and alive == (not clock.over)

            await until(pilot, arrived)
        replay.stop()


async def test_a_clock_that_was_put_back_loses_nothing(over: RunDir, tmp_path: Path) -> None:
    events = JournalReader(over.journal).read()
    late = [msgspec.structs.replace(event, t=event.t + 500) for event in events[40:50]]
    over.journal.write_bytes(b"".join(encode_line(event) for event in [*events[:40], *late, *events[50:]]))
    app = ConsoleApp(tmp_path / "runs", over, replay=1000.0)
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "at the end", "EARLY STOP", "6/6")


async def test_a_finished_run_is_replayed_and_left_again(
    over: RunDir, console: Callable[..., ConsoleApp]
) -> None:
    app = console(over)
    async with app.run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        before = over.journal.read_bytes()
        await pilot.press("R")
        await shows(pilot, "REPLAY", "of 1:40", "×1", "playing", "STARTING")
        await pilot.press("space", *FIFTY)
        await shows(pilot, "0:50 of 1:40", "50 %", "paused", "epoch  9/30")
        await pilot.press("right")
        await shows(pilot, "0:55 of 1:40")
        await pilot.press("left", "left", "colon", *"20", "enter")
        await shows(pilot, "0:20 of 1:40", "epoch  3/30")
        await pilot.press("plus", "greater_than_sign")
        await shows(pilot, "×5")
        await pilot.press("less_than_sign")
        await shows(pilot, "×2")
        await pilot.press("home")
        await shows(pilot, "0:00 of 1:40")
        await pilot.press("end")
        await shows(pilot, "1:40 of 1:40", "100 %", "at the end", "EARLY STOP", "6/6")
        await pilot.press("b")
        await until(pilot, lambda: type(app.screen) is LiveScreen)
        assert "REPLAY" not in screen_text(pilot)
        assert over.journal.read_bytes() == before


async def test_it_plays_by_itself_to_the_end(over: RunDir, tmp_path: Path) -> None:
    app = ConsoleApp(tmp_path / "runs", over, replay=200.0)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "at the end", "EARLY STOP", "88.94")
        assert app.screen.follower.model.state == folded(over, START + LENGTH)
        await pilot.press("l")
        await shows(pilot, "early stopped at epoch 22")
        await pilot.press("space")
        await shows(pilot, "playing")
        await pilot.press("escape", "b")
        await shows(pilot, "runs in")


async def test_nothing_of_it_reaches_the_run(make: Callable[..., RunDir], tmp_path: Path) -> None:
    run = make(made_runs.live(), alive=False)
    app = ConsoleApp(tmp_path / "runs", run, replay=1.0)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("end", "left", "left", "space")
        await shows(pilot, "TRAINING", "paused")
        keys = screen_text(pilot).splitlines()[-1]
        assert not re.search(r"checkpoint|predict|resume|steer|gallery", keys), keys
        await pilot.press("c", "x", "v", "r", "o", "m", "equals_sign", "R")
        await pilot.press("ctrl+p")
        await shows(pilot, "slower")
        offered = {choice.value for choice in app.screen.query_one(Menu)._choices}
        assert not any(re.search(r"checkpoint|stop|steer|predict|resume|outliers", one) for one in offered)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen))
        await pilot.press("question_mark")
        await shows(pilot, "help: replay", "1 to 1000 times the run's own speed", "T ")
        await pilot.press("escape")
        assert list(run.commands.iterdir()) == []
        await pilot.press("q")
    assert app.return_code == 0


async def test_a_panel_over_the_whole_screen_offers_no_exploring(
    over: RunDir, console: Callable[..., ConsoleApp], tmp_path: Path
) -> None:
    app = ConsoleApp(tmp_path / "runs", over, replay=1.0)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space", "end")
        await shows(pilot, "at the end", "of 406 wrong")
        await pilot.press("4")
        assert "explore" not in await shows(pilot, "a by class", "esc back")
        await pilot.press("m")
        assert isinstance(app.screen, ZoomScreen)
        await pilot.press("question_mark")
        assert "explore" not in await shows(pilot, "the accuracy of each class", "esc closes this")
        await pilot.press("escape", "ctrl+p")
        await shows(pilot, "accuracy of each class, or the matrix")
        assert "matrix" not in {choice.value for choice in app.screen.query_one(Menu)._choices}
        await pilot.press("escape", "1")
        await shows(pilot, "f recent")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen))
    async with console(over).run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        await pilot.press("4")
        await shows(pilot, "m explore")
        await pilot.press("question_mark")
        await shows(pilot, "explore the matrix and its pictures")


async def test_a_percentage_that_is_none_is_refused(over: RunDir, tmp_path: Path) -> None:
    app = ConsoleApp(tmp_path / "runs", over, replay=1.0)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("space", "colon", *"101", "enter")
        await shows(pilot, "a number from 0 to 100")
        await pilot.press("backspace", "enter")
        await shows(pilot, " 10 %")


async def test_a_click_seeks_and_the_footer_can_be_clicked(over: RunDir, tmp_path: Path) -> None:
    app = ConsoleApp(tmp_path / "runs", over, replay=1.0)
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "playing")
        row = screen_text(pilot).splitlines()[0]
        begin, end = row.index("━") if "━" in row else row.index("─"), len(row.rstrip())
        await pilot.click("#replay-bar", offset=((begin + end) // 2, 0))
        await shows(pilot, " 50 %")
        await pilot.click("#keys", offset=(3, 0))
        await shows(pilot, "paused")


async def test_a_run_under_way_is_not_replayed_by_the_key(
    make: Callable[..., RunDir], console: Callable[..., ConsoleApp]
) -> None:
    async with console(make(made_runs.live(), alive=True)).run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        assert "replay" not in screen_text(pilot)
        await pilot.press("R")
        await shows(pilot, "R replays it once it has ended")


async def test_attempts_begin_and_end_in_it(make: Callable[..., RunDir], tmp_path: Path) -> None:
    run = make([], alive=False)
    stopped = RunEnded(outcome="stopped", reason="by me", epoch=2, best=50.0, best_epoch=1, exit_code=0)
    again = msgspec.structs.replace(made_runs.started(), attempt=2, resumed_epoch=3)
    assert isinstance(again, RunStarted)
    run_of(
        run,
        [*made_runs.beginning(), *made_runs.history(2), stopped, *[RunWarning(message="w")] * 4, again,
         StageStarted(stage="importing"), *[RunWarning(message="v")] * 4],
    )  # fmt: skip
    app = ConsoleApp(tmp_path / "runs", run, replay=1.0)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("space", "colon", *"60", "enter")
        text = await shows(pilot, "STOPPED", "by me")
        assert "resume" not in text
        await pilot.press("colon", *"90", "enter")
        await shows(pilot, "STARTING")
        await pilot.press("end")
        await shows(pilot, "INTERRUPTED")


async def test_an_empty_journal(make: Callable[..., RunDir], tmp_path: Path) -> None:
    app = ConsoleApp(tmp_path / "runs", make([], alive=False), replay=1.0)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "REPLAY", "0:00 of 0:00", "holds nothing to replay")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_snapshot(
    snap_compare: Callable[..., bool], over: RunDir, tmp_path: Path, size: tuple[int, int]
) -> None:
    assert snap_compare(ConsoleApp(tmp_path, over, replay=1.0), terminal_size=size, run_before=halfway)


def test_snapshot_ascii(snap_compare: Callable[..., bool], over: RunDir, tmp_path: Path) -> None:
    app = ConsoleApp(tmp_path, over, ascii=True, replay=1.0)
    assert snap_compare(app, terminal_size=(80, 24), run_before=halfway)


def test_snapshot_of_a_hundred_long_names(
    snap_compare: Callable[..., bool], make: Callable[..., RunDir], tmp_path: Path
) -> None:
    names = [f"a class with a rather long name, number {number}" for number in range(100)]
    run = make([], alive=False)
    run_of(run, [made_runs.started(), made_runs.scanned(names), *made_runs.history(30, classes=100)])
    app = ConsoleApp(tmp_path, run, replay=1.0)
    assert snap_compare(app, terminal_size=(80, 24), run_before=halfway)


async def halfway(pilot: Pilot[int]) -> None:
    await pilot.press("space", *FIFTY)
    await plotted(pilot)
    await shows(pilot, "50 %", "paused")
    await until(pilot, lambda: pilot.app.screen.follower.model.state.epochs)
    await pilot.pause(0.3)


@pytest.mark.parametrize("speed", ["0", "0.5", "1001", "-3", "nan"])
def test_a_speed_out_of_range_is_refused(tmp_path: Path, speed: str) -> None:
    line = refusal("attach", "none", f"--replay={speed}", cwd=tmp_path)
    assert "--replay" in line
    assert "1 to 1000" in line


def test_in_a_real_terminal(over: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    over.path.rename(over.path.with_name("first"))
    terminal = Terminal("attach", "first", "--replay", "10", cwd=tmp_path, size=(80, 24))
    try:
        terminal.shows("REPLAY", "of 1:40", "playing")
        terminal.press(" :")
        terminal.shows("Percent of the run")
        terminal.press("90\r")
        terminal.shows("paused", " 90 %")
        terminal.press("\x1b[C\x1b[C")
        terminal.shows("at the end", "EARLY STOP")
        terminal.press("T")
        terminal.press("q")
        assert terminal.ended() == 0
        assert terminal.left_sane()
        assert (tmp_path / "state" / "vrdl-tui" / "layout.toml").read_text().startswith('theme = "light"')
    finally:
        terminal.close()
