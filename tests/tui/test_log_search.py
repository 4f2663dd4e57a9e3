"""The log: searched, filtered, and engine.log in its place."""

from collections.abc import Callable

import made_runs
from textual.events import Key
from watching import PlayedEngine, screen_text, shows, until

from engine.journal.events import CommandAccepted, RunWarning, StageStarted
from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.screens.live import LiveScreen
from tui.widgets.happenings import KEPT
from tui.widgets.log import Log
from tui.widgets.log_search import LogSearch

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
SIZE = (80, 24)


def test_search_goes_round_both_ends() -> None:
    search = LogSearch()
    search.word = "Bad"
    search.look(["bad", "good", "a BAD one", "bade"])
    assert search.lines == [0, 2, 3]
    assert [search.next(line, 1) for line in (-1, 0, 3)] == [0, 2, 0]
    assert [search.next(line, -1) for line in (3, 2, 0)] == [2, 0, 3]
    assert search.place(2) == "2 of 3"
    search.word = "none"
    search.look(["bad"])
    assert search.next(0, 1) is None
    assert search.place(-1) == "nothing found"


async def test_search(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("l", "slash", *"q best saved")
        assert pilot.app.is_running  # its letters are no keys
        await shows(pilot, "/q best saved_", "nothing found")
        await pilot.press("escape", "slash", *"best saved", "enter")
        screen = await shows(pilot, "/best saved", "n next")
        last = screen.count("best saved")
        assert last >= 2
        await pilot.press("n")
        await shows(pilot, " 1 of ")
        await pilot.press("N")
        await until(pilot, lambda: " 1 of " not in screen_text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "/best" not in screen_text(pilot))
        await shows(pilot, "log")
        await pilot.press("escape")
        await shows(pilot, "confusion")


async def test_a_search_that_is_typed_before_the_log_has_its_place(make: Make, console: Console) -> None:
    beginning = [*made_runs.beginning(), StageStarted(stage="importing", detail="one")]
    run = make([*beginning, *made_runs.history(20)], alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "accuracy")
        screen = pilot.app.screen
        assert isinstance(screen, LiveScreen)
        screen.action_log()
        log = screen.query_one(Log)
        log.action_search()
        for letter in "importing":
            log.on_key(Key(letter, letter))
        assert not log.size.width
        await shows(pilot, "/importing_  1 of 1", "importing (one)")


async def test_kinds(make: Make, console: Console) -> None:
    events = [*made_runs.live(), CommandAccepted(id="x", name="checkpoint", by="ann@node7", detail="saved")]
    run = make(events, alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("l", "w")
        screen = await shows(pilot, "warnings only", "the disk has 3.1 GB left", "bad image")
        assert "Train Acc" not in screen
        await pilot.press("w")
        screen = await shows(pilot, "commands only", "checkpoint by ann@node7 accepted")
        assert "warning:" not in screen
        await pilot.press("w")
        await shows(pilot, "training only", "Train Acc")
        await pilot.press("w")
        await until(pilot, lambda: "only" not in screen_text(pilot))


async def test_what_comes_while_filtered(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("l", "w", "w")
        await shows(pilot, "nothing of this kind has happened (commands); w shows other kinds")
        engine.says(RunWarning(message="hot"), CommandAccepted(id="y", name="pause", by="bob@node1"))
        screen = await shows(pilot, "pause by bob@node1 accepted")
        assert "hot" not in screen


async def test_the_oldest_lines_go_and_what_is_looked_at_stays(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("l")
        engine.says(*(RunWarning(message=f"of the first {number:04}") for number in range(KEPT)))
        await shows(pilot, f"of the first {KEPT - 1:04}")
        await pilot.press("slash", *"first 1990", "enter")
        await shows(pilot, "1 of 1")
        await pilot.press("up")
        log = pilot.app.screen.query_one(Log)
        place = log.border_subtitle
        seen = [line for line in screen_text(pilot).splitlines() if "of the first" in line]
        assert len(seen) > 3
        more = KEPT // 2
        engine.says(*(RunWarning(message=f"of the second {number:04}") for number in range(more)))
        await until(pilot, lambda: log.border_subtitle != place)
        assert [line for line in screen_text(pilot).splitlines() if "of the first" in line] == seen
        assert "  1 of 1" in screen_text(pilot)
        await pilot.press("end")
        await shows(pilot, f"of the second {more - 1:04}")
        assert int(str(log.border_subtitle).split()[-1].replace(",", "")) <= KEPT * 5 // 4
        await pilot.press("home")
        assert "of the first 0000" not in screen_text(pilot)


async def test_engine_log(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    run.engine_log.write_text("".join(f"line {number} [b]x\x1b[31m\n" for number in range(6000)))
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("l", "E")
        screen = await shows(pilot, "engine.log", "line 5999 [b]x", "of 5,000")
        assert "\x1b" not in screen
        await pilot.press("slash", *"line 1234", "enter")
        await shows(pilot, "line 1234 [b]x", "1 of 1")
        await pilot.press("escape", "home")
        await shows(pilot, "line 1000 [b]x")
        await pilot.press("E")
        await shows(pilot, "the disk has 3.1 GB left")


async def test_an_empty_engine_log(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("l", "E")
        await shows(pilot, "engine.log is empty; E goes back to what happened")
