"""Steering from the console: settings judged where they are typed, sent as commands, refused with a word."""

from collections.abc import Callable

import made_runs
import pytest
from watching import PlayedEngine, screen_text, shows

from engine.control.commands import Rollback, Set, Skip
from engine.journal.index import past_state
from engine.journal.log import JournalReader
from engine.recipe.recipe import load_recipe
from engine.run.directory import RunDir
from tui.app import ConsoleApp

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]


@pytest.fixture
def run(make: Make) -> RunDir:
    made = make(made_runs.live(), alive=True)
    made.recipe.write_text(load_recipe("quick").to_toml())
    return made


async def test_a_setting_is_changed(run: RunDir, console: Console) -> None:
    engine = PlayedEngine(run)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("equals_sign")
        # The rate in force, which is no longer the recipe's.
        rate = f"{past_state(JournalReader(run.journal)).lr:.6g}"
        assert rate != "0.0005"
        await shows(pilot, "learning rate", rate, "go on from the best weights", "esc leaves all as it is")
        await pilot.press("enter")
        await shows(pilot, f"optim.lr = {rate}_")
        await pilot.press(*["backspace"] * len(rate), "-", "1", "enter")
        await shows(pilot, "input should be greater than 0")
        await pilot.press(*["backspace"] * 2, "1", "e", "-", "4", "enter")
        command = await engine.next_command(pilot)
        assert isinstance(command, Set)
        assert (command.key, command.value) == ("optim.lr", "1e-4")
        engine.accepts(command, "optim.lr = 1e-4")
        await shows(pilot, "optim.lr: optim.lr = 1e-4")


@pytest.mark.parametrize(("ups", "kind"), [(2, Rollback), (1, Skip)])
async def test_rolling_back_and_skipping(run: RunDir, console: Console, ups: int, kind: type) -> None:
    engine = PlayedEngine(run)
    async with console(run).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("equals_sign")
        await shows(pilot, "leave out the rest of this epoch")
        await pilot.press(*["up"] * ups, "enter")
        command = await engine.next_command(pilot)
        assert isinstance(command, kind)
        engine.refuses(command, "the epoch's steps are done already")
        await shows(pilot, "refused", "the epoch's steps are done already")


async def test_esc_leaves_all_as_it_is(run: RunDir, console: Console) -> None:
    async with console(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("equals_sign")
        await shows(pilot, "learning rate")
        await pilot.press("enter", "escape", "escape")
        await shows(pilot, "TRAINING", "accuracy")
        assert "esc leaves" not in screen_text(pilot)
        assert not list(run.commands.iterdir())
