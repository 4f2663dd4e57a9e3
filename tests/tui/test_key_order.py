"""Keys that come together: each goes where those before it have led; none is lost, none does something else."""

import os
from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from made_models import make_table
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input
from watching import screen_text, shows, until

from engine.run.directory import RunDir
from engine.run.labels import Labels, read_labels
from engine.run.moves import list_trash
from tui.app import ConsoleApp

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
SIZE = (80, 24)


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    """Two runs that are over, newest first: done, cut."""
    for number, (name, events) in enumerate((("done", made_runs.finished()), ("cut", made_runs.live()))):
        os.utime(make(events, alive=False, name=name).recipe, (100 - number,) * 2)
    return tmp_path / "runs"


def press_at_once(pilot: Pilot[int], *keys: str) -> None:
    """Have all keys in the app's queue before it sees the first, as when a terminal sends them together."""
    for key in keys:
        pilot.app.post_message(Key(key, None))


async def test_behind_the_slash_of_the_runs(runs: Path, console: Console) -> None:
    async with console(None).run_test(size=SIZE) as pilot:
        await shows(pilot, "finished", "interrupted", "1 of 2")
        press_at_once(pilot, "slash", *"dndone", *["left"] * 4, *["backspace"] * 2)
        await shows(pilot, "1 of 1 found in 2")
        assert pilot.app.screen.query_one("#typed", Input).value == "done"
        press_at_once(pilot, "escape", "down")
        await until(pilot, lambda: any("▶" in row and "cut" in row for row in screen_text(pilot).split("\n")))
    assert not list_trash(runs)


@pytest.mark.parametrize("key", ["n", "N", "t"])
async def test_behind_a_key_that_opens_a_line(runs: Path, console: Console, key: str) -> None:
    async with console(None).run_test(size=SIZE) as pilot:
        await shows(pilot, "finished", "interrupted", "1 of 2")
        press_at_once(pilot, "end", key, *["backspace"] * 3, *"dNaSq", "enter")
        await shows(pilot, {"n": "cut is now dNaSq", "N": "cut: note kept", "t": "cut: tags kept"}[key])
    run = RunDir(runs / ("dNaSq" if key == "n" else "cut"))
    assert read_labels(run) == {"n": Labels(), "N": Labels((), "dNaSq"), "t": Labels(("dNaSq",))}[key]
    assert not list_trash(runs)


async def test_behind_a_run_that_is_opened_and_its_log_s_slash(runs: Path, console: Console) -> None:
    async with console(None).run_test(size=SIZE) as pilot:
        await shows(pilot, "finished", "interrupted", "1 of 2")
        press_at_once(pilot, "enter", "l", "slash", *"qbest saved", *["backspace"] * 11, *"early stopped")
        await shows(pilot, "/early stopped_", "1 of 1")
        press_at_once(pilot, "enter", "slash", *"qx")
        await shows(pilot, "/qx_", "nothing found")
        press_at_once(pilot, "escape", "l", "b", "slash", *"cut")
        await shows(pilot, "1 of 1 found in 2")


async def test_behind_the_key_of_the_models_and_their_slash(
    runs: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_table()
    async with console(None).run_test(size=SIZE) as pilot:
        await shows(pilot, "finished", "interrupted", "1 of 2")
        press_at_once(pilot, "M", *"sqresnet18", "home", "delete", "delete")
        await shows(pilot, "1 model of 9", "▶ resnet18.a1_in1k")
        press_at_once(pilot, "escape", "slash", *["backspace"] * 2, *"50")
        await shows(pilot, "1 model of 9", "▶ resnet50.tv_in1k")


async def test_behind_the_palette_and_what_it_opens(runs: Path, console: Console) -> None:
    async with console(None).run_test(size=SIZE) as pilot:
        await shows(pilot, "finished", "interrupted", "1 of 2")
        press_at_once(pilot, "ctrl+p", *"write a note", "enter", *"dq", "enter")
        await shows(pilot, "done: note kept")
    assert read_labels(RunDir(runs / "done")).note == "dq"


async def test_a_key_whose_target_is_gone_holds_the_next_up_for_a_moment_only(
    runs: Path, console: Console
) -> None:
    async with console(None).run_test(size=SIZE) as pilot:
        await shows(pilot, "finished", "interrupted", "1 of 2")
        press_at_once(pilot, *["question_mark", "escape"] * 5, "down")
        await until(
            pilot,
            lambda: any("▶" in row and "cut" in row for row in screen_text(pilot).split("\n")),
            seconds=3.0,
        )
