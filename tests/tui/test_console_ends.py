"""How a run ends in the live view, goes on again, and is left: stop, resume, back, quit."""

from collections.abc import Callable

import made_runs
import pytest
from watching import PlayedEngine, screen_text, shows, until

from engine.control.commands import Stop
from engine.journal.events import RunEnded, RunWarning
from engine.run.directory import RunDir
from tui import link
from tui.app import ConsoleApp

Make = Callable[..., RunDir]


Console = Callable[..., ConsoleApp]


SIZE = (80, 24)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["s"], Stop(after_epoch=False)),
        (["e"], Stop(after_epoch=True)),
        (["down", "enter"], Stop(after_epoch=False)),
        (["up", "up", "enter"], Stop(after_epoch=True)),
    ],
)
async def test_quit_menu_stops(make: Make, console: Console, keys: list[str], expected: Stop) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("q")
        await shows(
            pilot,
            "detach: leave and let it run",
            "stop now, with a checkpoint",
            "stop after this epoch",
            "stay",
        )
        await pilot.press(*keys)
        command = await engine.next_command(pilot)
        assert isinstance(command, Stop)
        assert command.after_epoch is expected.after_epoch
        await shows(pilot, "requested")
        engine.accepts(command)
        await shows(pilot, ": done")


async def test_quit_menu_detaches(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    app = console(run)
    async with app.run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("q")
        await shows(pilot, "detach")
        await pilot.press("d")
        await until(pilot, lambda: app.return_code is not None)
    assert app.return_value == 0
    assert app.left_run == run


@pytest.mark.parametrize("keys", [["escape"], ["q"], ["up", "enter"]])
async def test_quit_menu_stays(make: Make, console: Console, keys: list[str]) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("q")
        await shows(pilot, "detach")
        await pilot.press(*keys)
        await until(pilot, lambda: "detach" not in screen_text(pilot))
        assert engine.nothing_asked()


@pytest.mark.parametrize(("state", "code"), [("finished", 0), ("failed", 1)])
async def test_q_just_leaves_a_run_that_is_over(make: Make, console: Console, state: str, code: int) -> None:
    app = console(make(made_runs.STATES[state](), alive=False))
    async with app.run_test(size=SIZE) as pilot:
        await shows(pilot, "88.94" if state == "finished" else "FAILED")
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == code


async def test_resume_starts_an_engine(make: Make, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(made_runs.live(), alive=False)
    locks = []

    def start(started: RunDir) -> int:
        assert started == run
        locks.append(started.lock())
        return 1

    monkeypatch.setattr(link, "start_engine", start)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "INTERRUPTED", "r resumes from the checkpoint", "epoch 14, step 103", "r resume ")
        await pilot.press("r")
        await shows(pilot, "STARTING", "the engine is started")
        engine = PlayedEngine(run)
        engine.says(made_runs.started(attempt=2, resumed_epoch=15, resumed_step=0))
        engine.says(*made_runs.live()[-2:])
        await shows(pilot, "TRAINING", "p pause")
        await pilot.press("r")
        await shows(pilot, "the run is live already")
    locks[0].release()


async def test_the_log_goes_on_after_a_failed_run_is_resumed(
    make: Make, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(made_runs.failed(), alive=False)
    run.engine_log.write_text("Traceback (most recent call last):\nRuntimeError: boom\n")
    locks = []

    def start(started: RunDir) -> int:
        locks.append(started.lock())
        return 1

    monkeypatch.setattr(link, "start_engine", start)
    async with console(run).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "FAILED")
        await pilot.press("l")
        await shows(pilot, "the end of engine.log:", "RuntimeError: boom")
        await pilot.press("r")
        await until(pilot, lambda: "engine.log:" not in screen_text(pilot))
        engine = PlayedEngine(run)
        engine.says(made_runs.started(attempt=2, resumed_epoch=15, resumed_step=0))
        engine.says(*made_runs.live()[-2:], RunWarning(message="the disk has 1.1 GB left"))
        await shows(pilot, "TRAINING", "the disk has 1.1 GB left")
    locks[0].release()


async def test_resume_that_fails_says_why(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=False)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "INTERRUPTED")
        lock = run.lock()
        await pilot.press("r")
        await shows(pilot, "is already running")
        lock.release()


async def test_an_engine_that_dies_at_once_is_said(
    make: Make, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(made_runs.live(), alive=False)
    now = [made_runs.START + 500]
    monkeypatch.setattr(link, "start_engine", lambda _run: 1)
    async with console(run, clock=lambda: now[0]).run_test(size=SIZE) as pilot:
        await shows(pilot, "INTERRUPTED")
        await pilot.press("r")
        await shows(pilot, "the engine is started")
        now[0] += 20
        await shows(pilot, "the engine ended before it could begin")


async def test_a_finished_run_is_not_resumed(make: Make, console: Console) -> None:
    run = make(made_runs.finished(), alive=False)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "EARLY STOP")
        await pilot.press("r")
        await shows(pilot, "nothing to resume")


async def test_the_end_of_a_watched_run_is_shown(make: Make, console: Console) -> None:
    run = made_runs.make_run(make([], alive=False, name="other").path.parent, "watched", made_runs.live())
    lock = run.lock()
    engine = PlayedEngine(run)
    run.engine_log.write_text("Traceback (most recent call last):\nRuntimeError: boom\n")
    app = console(run)
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "TRAINING")
        engine.says(
            RunEnded(outcome="failed", reason="boom", epoch=15, best=88.0, best_epoch=13, exit_code=1)
        )
        await shows(pilot, "ENDING", "boom · the engine is closing its files")
        await pilot.press("r")
        await shows(pilot, "r again in a moment")
        lock.release()
        await shows(pilot, "FAILED", "failed: boom", "r resume")
        await pilot.press("l")
        await shows(pilot, "the end of engine.log:", "RuntimeError: boom")
        await pilot.press("l", "q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == 1


async def test_back_to_the_runs_and_into_another(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    other = make(made_runs.finished(), alive=False, name="another")
    app = console(run)
    async with app.run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("b")
        await shows(pilot, "another", "finished", "running")
        # Both began in the same second: which one is above the other is not the point here.
        await pilot.press("home" if app.left_run == run else "end")
        row = next(line for line in screen_text(pilot).splitlines() if "another" in line)
        await pilot.press(*([] if "▶" in row else ["down"]), "enter")
        assert app.left_run == other
        await shows(pilot, "EARLY STOP")
