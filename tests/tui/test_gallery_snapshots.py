"""What the gallery and the outlier panel look like, at three sizes, with real pictures as half blocks."""

from collections.abc import Callable
from pathlib import Path

import made_outliers
import pytest
from textual.pilot import Pilot
from watching import plotted, screen_text, shows, until

from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.widgets.picture import Picture

SIZES = [(80, 24), (120, 40), (200, 60)]
Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training folder whose path is the same in every test."""
    monkeypatch.chdir(tmp_path)
    for name in ("TERM_PROGRAM", "TERM"):
        monkeypatch.delenv(name, raising=False)
    return made_outliers.make_pictures(Path("photos"))


async def gallery(pilot: Pilot[int]) -> None:
    """Open the gallery and wait until each picture that is on screen has come."""
    await plotted(pilot)
    await pilot.press("o")
    await shows(pilot, "esc back")
    shown = [one for one in pilot.app.screen.query(Picture) if one.size]
    await until(
        pilot, lambda: "reading" not in screen_text(pilot) and all(one.wanted("").width for one in shown)
    )
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_gallery(
    snap_compare: Callable[..., bool], make: Make, console: Console, data: Path, size: tuple[int, int]
) -> None:
    run = make(made_outliers.done(data), alive=True)
    assert snap_compare(console(run), terminal_size=size, run_before=gallery)


def test_all_images_of_a_class(
    snap_compare: Callable[..., bool], make: Make, console: Console, data: Path
) -> None:
    async def press(pilot: Pilot[int]) -> None:
        await gallery(pilot)
        await pilot.press("end", "a", "n")
        await shows(pilot, "all images of bird", "2 of 10")
        await until(pilot, lambda: "reading" not in screen_text(pilot))

    run = make(made_outliers.done(data), alive=True)
    assert snap_compare(console(run), terminal_size=(120, 40), run_before=press)


def test_ascii(snap_compare: Callable[..., bool], make: Make, console: Console, data: Path) -> None:
    run = make(made_outliers.done(data), alive=False)
    assert snap_compare(console(run, ascii=True), terminal_size=(80, 24), run_before=gallery)


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("phase", ["reading", "midway", "done"])
def test_panel(
    snap_compare: Callable[..., bool],
    make: Make,
    console: Console,
    data: Path,
    phase: str,
    size: tuple[int, int],
) -> None:
    run = make(getattr(made_outliers, phase)(data), alive=True)
    assert snap_compare(console(run), terminal_size=size, run_before=plotted)
