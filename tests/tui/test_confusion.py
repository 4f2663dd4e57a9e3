"""The confusion explorer: its cursor, its pictures, its lists, its files."""

import csv
from collections.abc import Callable
from pathlib import Path

import made_judged
import made_runs
import pytest
from textual.pilot import Pilot
from watching import screen_text, shows, until

from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.widgets.confusion_grid import ConfusionGrid
from tui.widgets.confusion_overview import ConfusionOverview

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
SIZE = (120, 40)


@pytest.fixture(autouse=True)
def _half_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever terminal the tests run in."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)


@pytest.fixture
def run(make: Make, tmp_path: Path) -> RunDir:
    run = make(made_judged.events(), alive=False)
    made_judged.judge(run, tmp_path / "val")
    return run


async def opened(pilot: Pilot[int], *texts: str) -> None:
    await shows(pilot, "^p commands")
    await pilot.press("m")
    await shows(pilot, "esc back", *texts)


def cell(pilot: Pilot[int]) -> tuple[int, int]:
    grid = pilot.app.screen.query_one(ConfusionGrid)
    return grid.true, grid.predicted


async def test_it_opens_on_the_worst_confusion(run: RunDir, console: Console) -> None:
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "epoch 2", "9 of 30 wrong", "dog taken for cat", "surest first", "1 of 4", "▀▀▀")
        assert cell(pilot) == (2, 1)
        await shows(pilot, "4 = 40.0 % of row, 25.0 % of column", "62.0 %  0003.png")
        rows = [row for row in screen_text(pilot).splitlines() if ".png" in row]
        assert "0003.png" in rows[0]
        assert "0000.png" in rows[-1]
        await pilot.press("n")
        await shows(pilot, "2 of 4")


async def test_moving(run: RunDir, console: Console) -> None:
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "1 of 4")
        for key, expected in [
            ("up", (1, 1)), ("left", (1, 0)), ("left", (1, 0)), ("end", (2, 2)), ("home", (0, 0)), ("right", (0, 1)),
        ]:  # fmt: skip
            await pilot.press(key)
            assert cell(pilot) == expected, key
        await shows(pilot, "bird taken for cat", "1 of 3")
        await pilot.press("right", "down")
        await shows(pilot, "no image of cat was taken for dog")
        await pilot.press("up", "left", "left")
        await shows(pilot, "bird, right", "least sure first", "50.0 %  0000.png")


async def test_the_mouse(run: RunDir, console: Console) -> None:
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "1 of 4")
        grid = pilot.app.screen.query_one(ConfusionGrid)
        shape = grid._shape
        assert shape is not None
        await pilot.click(grid, offset=(shape.label + 1 + shape.cell + 1, shape.head))
        assert cell(pilot) == (0, 1)
        await pilot.click("#cell", offset=(5, 2))
        await shows(pilot, "2 of 3")


async def test_shares_and_pairs_and_classes(run: RunDir, console: Console) -> None:
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "1 of 4")
        await pilot.press("%")
        await shows(pilot, "% of the true class", "[40]")
        await pilot.press("%")
        await shows(pilot, "% of the predicted class", "[25]")
        await pilot.press("tab")
        await shows(pilot, "confused pairs", "dog → cat", "4  back 0", "bird → cat", "3  back 1")
        await pilot.press("s")
        await shows(pilot, "both ways", "bird & cat", "4 = 3 + 1")
        await pilot.press("down", "enter")
        await shows(pilot, "surest first")
        assert cell(pilot) == (2, 1)
        await pilot.press("tab", "tab")
        screen = await shows(pilot, "rates in %", "F1")
        # Of F1 the weakest first: cat has 69.2, bird 70.6, dog 70.6 %.
        assert "85.7   60.0  70.6" in screen
        order = [row.split()[-5] for row in screen.splitlines() if row.rstrip(" │").endswith(" 10")]
        assert next(name for name in order if name in made_judged.CLASSES) == "cat"
        await pilot.press("s")
        await shows(pilot, "RECALL")
        await pilot.press("enter")
        await shows(pilot, "bird taken for cat")


async def test_a_newer_matrix_than_the_pictures(make: Make, console: Console, tmp_path: Path) -> None:
    newer = [(0, 0, 10), (1, 1, 10), (2, 0, 5), (2, 2, 5)]
    run = make(made_judged.events(4, newer), alive=True)
    made_judged.judge(run, tmp_path / "val")
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "epoch 4", "5 of 30 wrong", "the pictures are of the best weights, epoch 2")
        await shows(pilot, "w shows the best weights' matrix")
        await pilot.press("w")
        await shows(pilot, "best epoch 2", "9 of 30 wrong", "w newest")
        made_runs.append(run, [made_runs.matrix(5, 3, 10)])
        await pilot.press("w")
        await shows(pilot, "epoch 5")


async def test_export(run: RunDir, console: Console) -> None:
    (run.path / "confusion_epoch2.png").touch()
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "1 of 4")
        await pilot.press("e")
        await until(pilot, lambda: "confusion_epoch2-2.png" in screen_text(pilot), 60)
    with (run.path / "confusion_epoch2-2.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [
            ["bird", "6", "3", "1"], ["cat", "1", "9", "0"], ["dog", "0", "4", "6"],
        ]  # fmt: skip
    assert (run.path / "confusion_epoch2-2.png").read_bytes().startswith(b"\x89PNG")
    assert not (run.path / "confusion_epoch2.png").read_bytes()


async def test_nothing_yet(make: Make, console: Console) -> None:
    run = make(made_runs.beginning(), alive=True)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "no confusion matrix yet", "when the first epoch has been validated")
        await pilot.press("down", "enter", "tab", "%", "s", "w", "e", "n")
        await shows(pilot, "no confusion matrix yet")
        made_runs.append(run, [*made_runs.history(1)])
        await shows(pilot, "epoch 1", "no pictures: no ")


async def test_a_hundred_classes(make: Make, console: Console) -> None:
    names = [f"class number {number:02d} with quite a long name" for number in range(100)]
    run = make(
        [made_runs.started(), made_runs.scanned(names), *made_runs.history(5, classes=100)], alive=False
    )
    async with console(run).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "all 100 classes", "a mark is", "class number 00 with quite a")
        overview = pilot.app.screen.query_one(ConfusionOverview)
        await pilot.click(overview, offset=(5, 2))
        true, predicted = cell(pilot)
        assert true // 10 in (4, 5)
        assert predicted // 10 == 5
        await pilot.press("end")
        await shows(pilot, "class number 99 with quite a", "…99")


@pytest.mark.parametrize("ascii", [False, True])
async def test_where_colours_cannot_be_drawn(
    run: RunDir, console: Console, ascii: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not ascii:
        monkeypatch.setenv("NO_COLOR", "1")
    async with console(run, ascii=ascii).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "[4]", "pictures need more than ASCII" if ascii else "pictures need colours")
        await pilot.press("tab", "tab")
        await shows(pilot, "rates in %")
        assert not ascii or screen_text(pilot).isascii()


async def test_hostile_names(make: Make, console: Console) -> None:
    names = ["evil\x1b[2J\u202e日本", "[red]b[/red]", "日本語日本語日本語"]
    events = [made_runs.started(), made_runs.scanned(names), made_runs.matrix(1, 3)]
    async with console(make(events, alive=False)).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "[red]b[/red]")
        await pilot.press("tab")
        await shows(pilot, "confused pairs")
        assert all(row.isprintable() for row in screen_text(pilot).splitlines())
