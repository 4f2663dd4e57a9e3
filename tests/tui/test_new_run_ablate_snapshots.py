"""What the dialogue of an ablation looks like: at three sizes, stopped with another recipe, before there are data."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from watching import shows

from engine.analysis.ablation import make_plan, save_plan
from engine.recipe.recipe import load_recipe
from tests.made_data import make_pictures
from tui.app import ConsoleApp
from tui.screens.new_run import NewRunScreen

SIZES = [(80, 24), (120, 40), (200, 60)]
Snap = Callable[..., bool]


@pytest.fixture(autouse=True)
def _same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


async def opened(pilot: Pilot[int], data: Path | None, *texts: str) -> None:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    form = NewRunScreen(app.runs, None, app.glyphs)
    form._state.data = data
    app.push_screen(form)
    await shows(pilot, "ready" if data is not None else "pick the data folder first")
    await pilot.press("X")
    await shows(pilot, *texts)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_planned(snap_compare: Snap, size: tuple[int, int]) -> None:
    make_pictures(Path("pictures"))

    async def ready(pilot: Pilot[int]) -> None:
        await opened(pilot, Path("pictures"), "12 runs of at most 8 epochs", "Enter start")

    assert snap_compare(ConsoleApp(Path("runs"), None), terminal_size=size, run_before=ready)


def test_stopped_and_the_form_has_another_recipe_in_ascii(snap_compare: Snap) -> None:
    make_pictures(Path("pictures"))
    recipe = load_recipe("quick", ["data.train=/data/photos/train", "train.epochs=20", "optim.lr=3e-4"])
    save_plan(Path("runs/ablation"), make_plan(recipe, ["mixup"], 4))
    (Path("runs/ablation") / "ablation.log").write_text("interrupted; the same command goes on\n")

    async def ready(pilot: Pilot[int]) -> None:
        await opened(pilot, Path("pictures"), "stands at 0 of 8 runs", "g go on as planned")

    assert snap_compare(ConsoleApp(Path("runs"), None, True), terminal_size=(80, 24), run_before=ready)


def test_before_there_are_data(snap_compare: Snap) -> None:
    async def ready(pilot: Pilot[int]) -> None:
        await opened(pilot, None, "ablate", "esc back")

    assert snap_compare(ConsoleApp(Path("runs"), None), terminal_size=(80, 24), run_before=ready)
