"""The gallery: every image that is left out, and the way back in; its keys on real runs with real pictures."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import made_outliers
import made_runs
import msgspec
import pytest
from textual.pilot import Pilot
from watching import PlayedEngine, screen_text, shows, until

from engine.control.commands import Exclude, Restore
from engine.journal.events import OutlierExcluded, OutlierRestored, OutliersDone
from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.screens.gallery import GalleryScreen
from tui.widgets.gallery_list import GalleryList

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
SIZE = (120, 40)


@pytest.fixture(autouse=True)
def _half_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever terminal the tests run in."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return made_outliers.make_pictures(tmp_path / "data")


async def opened(pilot: Pilot[int], *texts: str) -> None:
    await shows(pilot, "o gallery")
    await pilot.press("o")
    await shows(pilot, "esc back", *texts)


def listed(pilot: Pilot[int]) -> list[str]:
    return [f"{item.class_name}/{item.name}" for item in pilot.app.screen.query_one(GalleryList).items]


def current(pilot: Pilot[int]) -> str:
    item = pilot.app.screen.query_one(GalleryList).current
    return f"{item.class_name}/{item.name}" if item is not None else ""


NEWEST = ["dog/0009.png", "dog/0008.png", "cat/0009.png", "cat/0008.png", "cat/0007.png", "bird/0009.png"]


async def test_what_is_known_of_an_image(make: Make, console: Console, data: Path) -> None:
    run = make(made_outliers.done(data), alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "6 of 30 images left out", "newest first", "this image", "typical of dog", "▀▀▀")
        assert listed(pilot) == NEWEST
        await shows(
            pilot, "0.0350 > threshold 0.0200, 1.75×", "left out from epoch 1 on; file in place", "1 of 6",
            "no validation images: the percentile stands", "| threshold 0.0200  ^ this image 0.0350",
        )  # fmt: skip
        await pilot.press("n", "n")
        await shows(pilot, "cat, looks more like dog", "typical of cat", "3 of 6")


async def test_moving(make: Make, console: Console, data: Path) -> None:
    run = make(made_outliers.done(data), alive=False)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "▀▀▀")
        for key, expected in [
            ("down", 1), ("n", 2), ("up", 1), ("p", 0), ("p", 0), ("end", 5), ("n", 5), ("home", 0),
        ]:  # fmt: skip
            await pilot.press(key)
            assert current(pilot) == NEWEST[expected], key
        # Classes by name, round and round: dog is the last.
        for key, expected in [
            ("c", 5),
            ("c", 2),
            ("right_square_bracket", 0),
            ("C", 2),
            ("left_square_bracket", 5),
        ]:
            await pilot.press(key)
            assert current(pilot) == NEWEST[expected], key


async def test_sorting_keeps_the_image(make: Make, console: Console, data: Path) -> None:
    run = make(made_outliers.done(data), alive=False)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("n", "s")
        await shows(pilot, "largest error over threshold first")
        assert listed(pilot)[:2] == ["cat/0009.png", "dog/0009.png"]
        await pilot.press("s")
        await shows(pilot, "class by class")
        assert listed(pilot)[0] == "bird/0009.png"
        assert current(pilot) == "dog/0008.png"
        await pilot.press("s")
        await shows(pilot, "newest first")
        assert listed(pilot) == NEWEST


async def test_a_click_selects(make: Make, console: Console, data: Path) -> None:
    run = make(made_outliers.done(data), alive=False)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "1 of 6")
        await pilot.click(GalleryList, offset=(6, 4))
        await shows(pilot, "4 of 6")
        assert current(pilot) == NEWEST[3]


@pytest.mark.parametrize("key", ["escape", "o", "q"])
async def test_back(make: Make, console: Console, data: Path, key: str) -> None:
    run = make(made_outliers.done(data), alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press(key)
        await shows(pilot, "o gallery", "outlier log")


async def test_restoring_asks_the_engine(make: Make, console: Console, data: Path) -> None:
    run = make(made_outliers.done(data), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("n", "u")
        await shows(pilot, "restore requested")
        command = await engine.next_command(pilot)
        assert isinstance(command, Restore)
        assert command.paths == [str(data / "dog" / "0008.png")]
        engine.accepts(command, "1 image restored, in use from epoch 3 on")
        engine.says(OutlierRestored(class_name="dog", path=command.paths[0], from_epoch=3))
        await shows(pilot, "restore: 1 image restored, in use from epoch 3 on", "1 restored", "2 of 5")
        assert current(pilot) == "cat/0009.png"
        await pilot.press("u")
        engine.refuses(await engine.next_command(pilot), "the file is gone")
        await shows(pilot, "restore refused: the file is gone")


async def test_restoring_without_an_engine(make: Make, console: Console, data: Path) -> None:
    run = make(made_outliers.done(data), alive=False)
    run.recipe.write_text(f'[data]\ntrain = "{data}"\n[outliers]\nmethod = "autoencoder"\n')
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("u")
        await shows(pilot, "restore: 1 image restored", "1 restored", "1 of 5")
        assert "dog/0009.png" not in listed(pilot)


async def test_leaving_out_by_hand(make: Make, console: Console, data: Path) -> None:
    run = make(made_outliers.done(data), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("c", "a")
        await shows(pilot, "all images of bird", "1 of 10", "a shows the outliers only")
        assert listed(pilot)[0] == "bird/0009.png"
        await pilot.press("e")
        await shows(pilot, "left out already; u restores it")
        await pilot.press("n")
        await shows(pilot, "none: it takes part", "<= threshold")
        chosen = data / current(pilot)
        await pilot.press("e")
        command = await engine.next_command(pilot)
        assert isinstance(command, Exclude)
        assert command.paths == [str(chosen)]
        engine.accepts(command, "1 image left out from epoch 3 on")
        engine.says(
            OutlierExcluded(
                class_name="bird", path=str(chosen), error=0.01, threshold=0.02, action="exclude", from_epoch=3,
                by="ann@desk",
            )
        )  # fmt: skip
        await shows(
            pilot,
            "leaving out: 1 image left out from epoch 3 on",
            "by hand",
            "by ann@desk",
            "7 of 30 images left out",
        )
        await pilot.press("a")
        await shows(pilot, "newest first", "1 of 7")
        assert current(pilot) == f"bird/{chosen.name}"


async def test_leaving_out_needs_an_engine(make: Make, console: Console, data: Path) -> None:
    run = make(made_outliers.done(data), alive=False)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("a", "end", "e")
        await shows(pilot, "no engine is running")
        assert PlayedEngine(run).nothing_asked()


async def test_quarantined_deleted_damaged(make: Make, console: Console, data: Path, tmp_path: Path) -> None:
    moved = tmp_path / "quarantine.png"
    (data / "cat" / "0009.png").rename(moved)
    (data / "cat" / "0008.png").write_text("no picture")
    events = []
    for event in made_outliers.done(data):
        if isinstance(event, OutlierExcluded) and event.class_name == "dog":
            event = msgspec.structs.replace(event, action="delete")
        if isinstance(event, OutlierExcluded) and event.path.endswith("cat/0009.png"):
            event = msgspec.structs.replace(event, action="quarantine", moved_to=str(moved))
        events.append(event)
    run = make(events, alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "the file was deleted: there is no", "file deleted")
        await pilot.press("u")
        await shows(pilot, "the file was deleted: it can't be restored")
        assert PlayedEngine(run).nothing_asked()
        await pilot.press("n", "n")
        await shows(pilot, "file quarantined", "quarantine.png", "▀▀▀")
        await pilot.press("n")
        await shows(pilot, "no picture: not an image, or an")
        await pilot.press("n")
        await until(pilot, lambda: "no picture" not in screen_text(pilot))


async def test_the_list_follows_the_journal(make: Make, console: Console, data: Path) -> None:
    run = make(made_outliers.midway(data), alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "2 left out", "1 of 2")
        verdict = made_outliers.judged("cat")
        made_runs.append(run, [verdict, *made_outliers.left_out(data, verdict)])
        await shows(pilot, "4 left out", "3 of 4")
        assert current(pilot) == "bird/0009.png"


async def test_nothing_to_show(make: Make, console: Console, data: Path) -> None:
    begun = made_outliers.begun(data)
    cases = [
        (made_runs.live(), True, "the outlier stage is off"),
        (begun, True, "the outlier stage is not done yet"),
        (begun, False, "the outlier stage was not finished"),
        ([*begun, OutliersDone(excluded=0, images=30)], True, "none of 30 images has an error over"),
    ]
    for number, (events, alive, said) in enumerate(cases):
        run = make(events, alive=alive, name=f"r{number}")
        async with console(run).run_test(size=(80, 24)) as pilot:
            await opened(pilot, said)
            await pilot.press("n", "c", "u", "e", "a")
            await shows(pilot, said)


@pytest.mark.parametrize("ascii", [False, True])
async def test_where_pictures_cannot_be_drawn(
    make: Make, console: Console, data: Path, ascii: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not ascii:
        monkeypatch.setenv("NO_COLOR", "1")
    run = make(made_outliers.done(data), alive=True)
    async with console(run, ascii=ascii).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "pictures need more than ASCII" if ascii else "pictures need colours")
        if ascii:
            assert screen_text(pilot).isascii()


async def test_hostile_names(make: Make, console: Console, tmp_path: Path) -> None:
    name = "evil\x1b[2J\u202e日本"
    verdict = msgspec.structs.replace(made_outliers.judged(name, like="ba\x07d"), note="a\x1bb")
    events = [*made_outliers.begun(tmp_path), verdict, *made_outliers.left_out(tmp_path, verdict)]
    run = make(events, alive=False)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "no picture: the file is gone")
        await pilot.press("a")
        await shows(pilot, "all images of evil")
        assert all(row.isprintable() for row in screen_text(pilot).splitlines())


async def test_five_thousand_images(make: Make, console: Console, tmp_path: Path) -> None:
    data = made_outliers.make_pictures(tmp_path / "data", ["cat"], 40)
    run = make(made_outliers.many(data, 5000), alive=False)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "1 of 5,000")
        screen = pilot.app.screen
        assert isinstance(screen, GalleryScreen)
        shown = screen.query_one(GalleryList)
        started = time.perf_counter()
        for place in range(2, 42):
            screen.action_move(1)
            assert shown.border_subtitle == f"{place} of 5,000"
            await asyncio.sleep(0)
        # Some ten times what it takes: a benchmark measures, a test catches what grows with the list.
        assert (time.perf_counter() - started) / 40 < 0.1
        await shows(pilot, "no picture: the file is gone", "41 of 5,000")
        started = time.perf_counter()
        await pilot.press("s")
        await shows(pilot, "largest error over threshold first")
        assert time.perf_counter() - started < 30
