"""The list of runs: every key, what it does to real folders and asks of engines."""

import os
from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from watching import PlayedEngine, screen_text, shows, until

from engine.control.commands import Stop
from engine.journal.events import EpochEnded, EpochStarted
from engine.run.directory import RunDir
from engine.run.labels import Labels, labels_file, read_labels, write_labels
from engine.run.moves import list_trash
from tui import link
from tui.app import ConsoleApp
from tui.screens.runs import RunsScreen

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
SIZE = (80, 24)


@pytest.fixture
def runs(make: Make, tmp_path: Path) -> Path:
    """Three runs, newest first: alive, done, cut."""
    made = [("alive", made_runs.live(3)), ("done", made_runs.finished()), ("cut", made_runs.live())]
    for number, (name, events) in enumerate(made):
        os.utime(make(events, alive=name == "alive", name=name).recipe, (100 - number,) * 2)
    return tmp_path / "runs"


async def listed(pilot: Pilot[int]) -> None:
    await shows(pilot, "running", "finished", "interrupted", "Enter open")


def order(pilot: Pilot[int]) -> list[str]:
    """Return the names in the table, top down."""
    rows = [line.strip("│| ").lstrip("▶>* ").split() for line in screen_text(pilot).splitlines()]
    return [row[1] for row in rows if row and row[0] in ("running", "finished", "interrupted")]


async def test_sorted_by_key_and_by_a_click_on_a_head(runs: Path, console: Console) -> None:
    async with console(None).run_test(size=(120, 40)) as pilot:
        await listed(pilot)
        assert order(pilot) == ["alive", "done", "cut"]
        table = pilot.app.screen.query_one("#run-list")
        await pilot.click(table, offset=(20, 1))
        await until(pilot, lambda: order(pilot) == ["alive", "cut", "done"])
        await pilot.click(table, offset=(20, 1))
        await until(pilot, lambda: order(pilot) == ["done", "cut", "alive"])
        await pilot.press("i")
        await until(pilot, lambda: order(pilot) == ["alive", "cut", "done"])
        await pilot.press("s")
        await shows(pilot, "model▲")


@pytest.mark.parametrize("ascii", [False, True])
async def test_a_thousand_epochs_and_the_best_of_percents_and_losses(
    make: Make, console: Console, ascii: bool
) -> None:
    scores = [("loss-9", "val_loss", 0.9), ("percent", "val_acc", 92.0), ("loss-1", "val_loss", 0.1)]
    for name, monitor, best in scores:
        *epochs, last = (one for one in made_runs.history(100, total=1000) if isinstance(one, EpochEnded))
        events = [*made_runs.beginning(monitor=monitor, epochs=1000), *epochs, replace(last, best=best)]
        make([*events, EpochStarted(epoch=100, epochs=1000, lr=1e-4, steps=9)], alive=False, name=name)
    async with console(None, ascii=ascii).run_test(size=SIZE) as pilot:
        screen = await shows(pilot, "interrupted", "92.00 %", "0.90000", "0.10000")
        assert screen.count("  100/1000 ") == 3
        table = pilot.app.screen.query_one("#run-list")
        await pilot.click(table, offset=(screen.splitlines()[2].index("best"), 1))
        await until(pilot, lambda: order(pilot) == ["percent", "loss-1", "loss-9"])
        await pilot.press("i")
        await until(pilot, lambda: order(pilot) == ["loss-9", "loss-1", "percent"])


async def test_filtered_while_typing(runs: Path, console: Console) -> None:
    write_labels(RunDir(runs / "cut"), Labels(("keeper",)))
    async with console(None).run_test(size=SIZE) as pilot:
        await listed(pilot)
        await pilot.press("slash", *"best>88.5")
        await until(pilot, lambda: order(pilot) == ["done"])
        await shows(pilot, "1 of 1 found in 3")
        await pilot.press(*" bset>1")
        await shows(pilot, "no column bset; did you mean best?")
        assert order(pilot) == ["done"]
        await pilot.press("escape")
        await until(pilot, lambda: len(order(pilot)) == 3)
        await pilot.press("slash", *"tag:keep*", "enter")
        await until(pilot, lambda: order(pilot) == ["cut"])
        await shows(pilot, "tag:keep*")
        await pilot.press("slash", *" q", "down", "escape")
        await until(pilot, lambda: len(order(pilot)) == 3)
        await pilot.press("slash", *"nothing")
        await shows(pilot, "no run is like that; esc shows them all", "0 of 3")


async def test_tags_for_those_marked(runs: Path, console: Console) -> None:
    write_labels(RunDir(runs / "done"), Labels(("both", "own")))
    write_labels(RunDir(runs / "cut"), Labels(("both",), "a note"))
    async with console(None).run_test(size=SIZE) as pilot:
        await listed(pilot)
        await pilot.press("down", "space", "space", "t")
        await shows(pilot, "Tags of 2 runs", "2 marked")
        await pilot.press(*[" "], *"a:b")
        await shows(pilot, "tag 'a:b'")
        await pilot.press("enter", "backspace", "backspace", "enter")
        await shows(pilot, "2 runs: tags kept")
        assert read_labels(RunDir(runs / "done")) == Labels(("own", "both", "a"))
        assert read_labels(RunDir(runs / "cut")) == Labels(("both", "a"), "a note")
        await pilot.press("escape")
        await until(pilot, lambda: "2 marked" not in screen_text(pilot))


async def test_a_note_is_kept_and_shown(runs: Path, console: Console) -> None:
    async with console(None).run_test(size=SIZE) as pilot:
        await listed(pilot)
        await pilot.press("down", "N")
        await shows(pilot, "The note of done, one line.")
        await pilot.press(*"it q", "enter")
        await shows(pilot, "done: note kept", "note   it q")
    assert read_labels(RunDir(runs / "done")).note == "it q"


async def test_damaged_labels_are_said_not_overwritten(runs: Path, console: Console) -> None:
    damaged = labels_file(RunDir(runs / "done"))
    damaged.write_text("tags = [")
    async with console(None).run_test(size=(120, 40)) as pilot:
        await listed(pilot)
        await pilot.press("down", "N", "a", "enter")
        await shows(pilot, "labels.toml can't be read", "fix or remove it")
    assert damaged.read_text() == "tags = ["


async def test_renamed_the_cursor_goes_along(runs: Path, console: Console) -> None:
    async with console(None).run_test(size=SIZE) as pilot:
        await listed(pilot)
        await pilot.press("down", "n")
        await shows(pilot, "rename")
        await pilot.press(*"/x")
        await shows(pilot, "run name 'done/x'")
        await pilot.press("backspace", "backspace", *"-2", "enter")
        await shows(pilot, "done is now done-2")
        await until(
            pilot, lambda: any("▶" in row and "done-2" in row for row in screen_text(pilot).split("\n"))
        )
        await pilot.press("n", *["backspace"] * 6, *"cut", "enter")
        await shows(pilot, "cut exists already")
        await pilot.press("home", "n")
        await shows(pilot, "alive is running: stop it first")
    assert (runs / "done-2" / "events.jsonl").exists()


async def test_to_the_trash_and_back(runs: Path, console: Console) -> None:
    async with console(None).run_test(size=(120, 40)) as pilot:
        await listed(pilot)
        await pilot.press("ctrl+a", "d")
        await shows(pilot, "2 runs moved to the trash: u brings them back", "--empty-trash", "stop it first")
        await until(pilot, lambda: order(pilot) == ["alive"])
        assert {one.name for one in list_trash(runs)} == {"done", "cut"}
        await pilot.press("u")
        await until(pilot, lambda: order(pilot) == ["alive", "done", "cut"])
        await shows(pilot, "2 runs back from the trash")
        await pilot.press("u")
        await shows(pilot, "the trash is empty")


async def test_the_last_run_thrown_away_by_an_earlier_console_comes_back(
    runs: Path, console: Console
) -> None:
    async with console(None).run_test(size=SIZE) as pilot:
        await listed(pilot)
        await pilot.press("end", "delete")
        await shows(pilot, "cut moved to the trash")
    async with console(None).run_test(size=SIZE) as pilot:
        await shows(pilot, "2 runs")
        await pilot.press("u")
        await shows(pilot, "cut back from the trash", "interrupted")


async def test_stopped_after_a_question(runs: Path, console: Console) -> None:
    engine = PlayedEngine(RunDir(runs / "alive"))
    async with console(None).run_test(size=SIZE) as pilot:
        await listed(pilot)
        await pilot.press("S")
        await shows(pilot, "alive is live.", "stop now, with a checkpoint", "let it run")
        await pilot.press("escape")
        await until(pilot, lambda: "let it run" not in screen_text(pilot))
        assert engine.nothing_asked()
        await pilot.press("S", "e")
        command = await engine.next_command(pilot)
        assert isinstance(command, Stop)
        assert command.after_epoch
        await shows(pilot, "alive: stop after this epoch requested")
        await pilot.press("end", "S")
        await shows(pilot, "nothing to stop")


async def test_resumed(runs: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    locks = []

    def start(run: RunDir) -> int:
        assert run.name == "cut"
        locks.append(run.lock())
        return 1

    monkeypatch.setattr(link, "start_engine", start)
    async with console(None).run_test(size=SIZE) as pilot:
        await listed(pilot)
        await pilot.press("r")
        await shows(pilot, "nothing to resume")
        await pilot.press("end", "r")
        await shows(pilot, "cut: goes on from the last checkpoint")
        await until(pilot, lambda: "interrupted" not in screen_text(pilot))
    locks[0].release()


async def test_a_running_run_is_not_started_twice(runs: Path, console: Console) -> None:
    async with console(None).run_test(size=SIZE) as pilot:
        await listed(pilot)
        lock = RunDir(runs / "cut").lock()
        await pilot.press("end", "r")
        await shows(pilot, "cut: run cut is already running")
        lock.release()


async def test_several_marked_are_compared(runs: Path, console: Console) -> None:
    asked: list[list[str]] = []
    app = console(None)
    async with app.run_test(
        size=SIZE,
        message_hook=lambda message: (
            asked.append([run.name for run in message.runs])
            if isinstance(message, RunsScreen.Compare)
            else None
        ),
    ) as pilot:
        await listed(pilot)
        await pilot.press("m")
        await shows(pilot, "mark two or more runs")
        await pilot.press("space", "space")
        await shows(pilot, "m compare")
        await pilot.press("m")
        await until(pilot, lambda: asked)
    assert asked[0] == ["alive", "done"]


async def test_a_row_is_opened_by_the_mouse_and_marked_in_its_margin(runs: Path, console: Console) -> None:
    app = console(None)
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot)
        table = app.screen.query_one("#run-list")
        await pilot.click(table, offset=(3, 3))
        await shows(pilot, "1 marked")
        await pilot.click(table, offset=(20, 3))
        await until(pilot, lambda: app.left_run == RunDir(runs / "done"))


async def test_runs_below_folders_go_by_their_path(runs: Path, console: Console) -> None:
    made_runs.make_run(runs / "sweep" / "lr", "deep", made_runs.finished())
    async with console(None).run_test(size=SIZE) as pilot:
        await shows(pilot, "sweep/lr/deep", "4 runs")


async def test_a_hostile_name_and_note_steer_nothing(make: Make, console: Console, tmp_path: Path) -> None:
    run = make(made_runs.finished(), alive=False, name="a")
    labels_file(run).write_text('note = "\\u001b]0;x\\u0007[red]x"\n')
    run.path.rename(run.path.with_name("evil\x1b[31m[b]"))
    async with console(None).run_test(size=SIZE) as pilot:
        text = await shows(pilot, "evil\\x1b[31m[b]", "[red]x")
        assert "\x1b" not in text


async def test_the_overview_follows_the_cursor(runs: Path, console: Console) -> None:
    async with console(None).run_test(size=(200, 60)) as pilot:
        await listed(pilot)
        await shows(pilot, "epoch 1 to 3", "node7", "/data/photos")
        await pilot.press("down")
        await shows(pilot, "epoch 1 to 22", "early stopped at epoch 22", "6 epochs without a better score")


async def test_every_key_is_in_the_palette(runs: Path, console: Console) -> None:
    async with console(None).run_test(size=(120, 40)) as pilot:
        await listed(pilot)
        await pilot.press("ctrl+p")
        await shows(pilot, "filter the runs", "write a note", "stop the run", "bring back")
        await pilot.press(*"note", "enter")
        await shows(pilot, "The note of alive")
