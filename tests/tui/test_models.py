"""The models' screen: found as you type, sorted, taken; a table that has to be written first."""

from collections.abc import Callable
from pathlib import Path

import pytest
from made_models import make_table
from textual.pilot import Pilot
from textual.widgets import Input
from watching import shows, until

from tui.app import ConsoleApp
from tui.screens.models import ModelsScreen
from tui.widgets.model_list import ModelList

SIZES = [(80, 24), (120, 40), (200, 60)]
Opened = Callable[[Pilot[int]], object]


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def app_on(at: str = "", *, ascii: bool = False) -> tuple[ConsoleApp, ModelsScreen, list[str | None]]:
    app = ConsoleApp(Path("runs"), None, ascii)
    return app, ModelsScreen(at, app.glyphs), []


def listed(screen: ModelsScreen) -> list[str]:
    rows = screen.query_one(ModelList)
    return [rows._rows[number].fact.architecture for number in range(rows.count)]


async def test_finding_as_you_type_and_taking() -> None:
    make_table()
    app, screen, taken = app_on()
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(screen, taken.append)
        await shows(pilot, "9 models of 9", "◆ ecaresnet269d.ra2_in1k", "102.1", "84.96")
        await pilot.press(*"resnet params<30")
        await shows(pilot, "2 models of 9", "resnet18.a1_in1k", "top-1 73.16 %")
        assert listed(screen) == ["resnet18", "resnet50"]
        await pilot.press("down", "down")
        await shows(pilot, "bsd-3-clause", "top-1 76.16 %")
        await pilot.press("enter")
        await until(pilot, lambda: taken)
        assert taken == ["resnet50.tv_in1k"]


async def test_the_cursor_begins_on_the_model_and_sorting_turns() -> None:
    make_table()
    app, screen, _ = app_on("resnet18.a1_in1k")
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(screen)
        await shows(pilot, "▶ resnet18.a1_in1k", "11.7 million")
        await pilot.press("escape", "s", "s")
        await shows(pilot, "by parameters")
        assert listed(screen)[:3] == ["tf_efficientnet_lite0", "resnet18", "resnet50"]
        assert listed(screen)[-1] == "nobodys_net", "unknown goes last"
        await pilot.press("s")
        await shows(pilot, "by top-1")
        assert listed(screen)[:2] == ["ecaresnet269d", "convnext_tiny"]


async def test_nothing_fits() -> None:
    make_table()
    app, screen, taken = app_on()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(screen, taken.append)
        await shows(pilot, "9 models of 9")
        await pilot.press(*"zzz")
        await shows(pilot, "no model fits", "params<30")
        await pilot.press("enter")
        assert taken == []
        await pilot.press("escape")
        await shows(pilot, "9 models of 9")
        assert screen.query_one(Input).value == ""
        await pilot.press("escape", "escape")
        await until(pilot, lambda: taken)
        assert taken == [""]


async def test_mouse() -> None:
    make_table()
    app, screen, taken = app_on()
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(screen, taken.append)
        await shows(pilot, "9 models of 9")
        await pilot.click(ModelList, offset=(10, 4))
        await shows(pilot, "▶ ◆ seresnet152d.ra2_in1k")
        await pilot.click(ModelList, offset=(10, 4))
        await until(pilot, lambda: taken)
        assert taken == ["seresnet152d.ra2_in1k"]


async def test_what_is_known_is_kept_when_the_table_can_t_be_completed(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    app, screen, _ = app_on()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(screen)
        await shows(pilot, "reading the table of models")
        await until(pilot, lambda: "can't be completed" in str(screen.query_one("#notice").text), 60)  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_models(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    make_table()
    app, screen, _ = app_on("seresnet152d.ra2_in1k")

    async def opened(pilot: Pilot[int]) -> None:
        app.push_screen(screen)
        await shows(pilot, "9 models of 9")
        await pilot.press("escape")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=opened)


def test_models_in_ascii(snap_compare: Callable[..., bool]) -> None:
    make_table()
    app, screen, _ = app_on(ascii=True)

    async def opened(pilot: Pilot[int]) -> None:
        app.push_screen(screen)
        await shows(pilot, "9 models of 9")
        await pilot.press("escape", "end")
        await shows(pilot, "without a head")

    assert snap_compare(app, terminal_size=(80, 24), run_before=opened)


def test_no_model_fits(snap_compare: Callable[..., bool]) -> None:
    make_table()
    app, screen, _ = app_on()

    async def opened(pilot: Pilot[int]) -> None:
        app.push_screen(screen)
        await shows(pilot, "9 models of 9")
        await pilot.press(*"zzz")
        await shows(pilot, "no model fits")
        screen.query_one(Input).cursor_blink = False
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=opened)
