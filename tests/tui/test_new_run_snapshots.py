"""What the screens of a new run look like, at three sizes, empty, and with a hundred classes of long names."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from watching import screen_text, shows, until

from tests.made_data import make_pictures
from tui.app import ConsoleApp
from tui.screens.new_run import NewRunScreen
from tui.screens.new_run_data import DataScreen
from tui.widgets.folder_tree import FolderTree
from tui.widgets.picture import Picture

SIZES = [(80, 24), (120, 40), (200, 60)]
EACH_SIZE = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
Snap = Callable[..., bool]


@pytest.fixture(autouse=True)
def _same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for name in ("TERM_PROGRAM", "TERM"):
        monkeypatch.delenv(name, raising=False)


def form(app: ConsoleApp, data: Path | None) -> NewRunScreen:
    screen = NewRunScreen(app.runs, None, app.glyphs)
    screen._state.data = data
    return screen


@EACH_SIZE
def test_new_run(snap_compare: Snap, size: tuple[int, int]) -> None:
    make_pictures(Path("pictures"), seed=1)
    app = ConsoleApp(Path("runs"), None)

    async def opened(pilot: Pilot[int]) -> None:
        screen = form(app, Path("pictures"))
        app.push_screen(screen)
        screen._state.put("train.epochs", "20")
        screen._state.put("optim.lr", "3e-4")
        await shows(pilot, "ready")
        await pilot.press("f", "down", "down", "down", "down")
        await shows(pilot, "optim.lr: AdamW's learning rate")

    assert snap_compare(app, terminal_size=size, run_before=opened)


def test_nothing_entered_yet(snap_compare: Snap) -> None:
    app = ConsoleApp(Path("runs"), None)

    async def opened(pilot: Pilot[int]) -> None:
        app.push_screen(form(app, None))
        await shows(pilot, "pick the data folder first")

    assert snap_compare(app, terminal_size=(80, 24), run_before=opened)


def test_something_is_wrong_in_ascii(snap_compare: Snap) -> None:
    make_pictures(Path("pictures"), seed=1)
    app = ConsoleApp(Path("runs"), None, True)

    async def opened(pilot: Pilot[int]) -> None:
        screen = form(app, Path("pictures"))
        app.push_screen(screen)
        await shows(pilot, "ready")
        screen._put("train.epochs", "many")
        await pilot.press("r")
        await shows(pilot, "train.epochs = 'many'")

    assert snap_compare(app, terminal_size=(80, 24), run_before=opened)


@pytest.mark.parametrize("key", ["question_mark", "ctrl+p"])
def test_over_the_form(snap_compare: Snap, key: str) -> None:
    app = ConsoleApp(Path("runs"), None)

    async def opened(pilot: Pilot[int]) -> None:
        app.push_screen(form(app, None))
        await shows(pilot, "pick the data folder first")
        await pilot.press(key)
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=opened)


@EACH_SIZE
def test_data_folder(snap_compare: Snap, size: tuple[int, int]) -> None:
    make_pictures(Path("data/pictures"), seed=1)
    app = ConsoleApp(Path("runs"), None)

    async def opened(pilot: Pilot[int]) -> None:
        app.push_screen(DataScreen(Path("data/pictures"), app.glyphs))
        await shows(pilot, "3 classes, 27 train", "▀▀▀")
        await until(pilot, lambda: "reading" not in screen_text(pilot))
        await pilot.press("right")
        await shows(pilot, "+ val")
        await pilot.pause()
        await until(pilot, lambda: "3 classes, 12 train" in screen_text(pilot) or size[0] < 100)
        await until(pilot, lambda: not app.screen.query_one(FolderTree).unknown())

    assert snap_compare(app, terminal_size=size, run_before=opened)


@EACH_SIZE
def test_a_hundred_classes_with_long_names(snap_compare: Snap, size: tuple[int, int]) -> None:
    for number in range(100):
        folder = Path("data/many/train", f"class_{number:03}_of_a_name_that_is_long_é")
        folder.mkdir(parents=True)
        for image in range(number % 7 + 1):
            (folder / f"{image}.jpg").touch()
    app = ConsoleApp(Path("runs"), None, True)

    async def opened(pilot: Pilot[int]) -> None:
        app.push_screen(DataScreen(Path("data/many"), app.glyphs))
        await shows(pilot, "100 classes, 395 train")
        await until(pilot, lambda: not app.screen.query_one(FolderTree).unknown())

    assert snap_compare(app, terminal_size=size, run_before=opened)


@EACH_SIZE
def test_preview(snap_compare: Snap, size: tuple[int, int]) -> None:
    make_pictures(Path("pictures"), seed=1)
    app = ConsoleApp(Path("runs"), None)

    async def opened(pilot: Pilot[int]) -> None:
        app.push_screen(form(app, Path("pictures")))
        await shows(pilot, "ready")
        await pilot.press("v")
        await shows(pilot, "preview", "▀▀▀")
        await until(pilot, lambda: "reading" not in screen_text(pilot) and "making" not in screen_text(pilot))
        titles = app.screen.query(Picture)
        await until(pilot, lambda: all(one.border_title for one in titles))
        await until(pilot, lambda: "reading" not in screen_text(pilot))

    assert snap_compare(app, terminal_size=size, run_before=opened)
