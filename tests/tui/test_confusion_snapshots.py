"""What the confusion explorer and the predictions look like, at three sizes, with real pictures as half blocks."""

from collections.abc import Callable
from pathlib import Path

import made_judged
import made_runs
import pytest
from textual.pilot import Pilot
from watching import plotted, screen_text, shows, until

from engine.run.directory import RunDir
from tui.app import ConsoleApp

SIZES = [(80, 24), (120, 40), (200, 60)]
Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
Snap = Callable[..., bool]
by_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture(autouse=True)
def _same_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TERM_PROGRAM", "TERM"):
        monkeypatch.delenv(name, raising=False)


def pressing(*keys: str, wait: str = "esc back") -> Callable[[Pilot[int]], object]:
    """Press keys on the live view, and wait until the pictures have come."""

    async def press(pilot: Pilot[int]) -> None:
        await plotted(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await shows(pilot, wait)
        await until(
            pilot, lambda: "reading" not in screen_text(pilot) and "looking" not in screen_text(pilot)
        )
        await pilot.pause()

    return press


@by_size
def test_confusion(snap_compare: Snap, make: Make, console: Console, size: tuple[int, int]) -> None:
    run = make(made_judged.events(), alive=False)
    made_judged.judge(run, Path("val"))
    assert snap_compare(console(run), terminal_size=size, run_before=pressing("m", wait="1 of 4"))


def test_the_test_images(snap_compare: Snap, make: Make, console: Console) -> None:
    run = make(made_judged.events(), alive=False)
    made_judged.judge(run, Path("val"))
    made_judged.score_test(run, Path("test"))
    before = pressing("m", "w", wait="test images, epoch 2")
    assert snap_compare(console(run), terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("tabs", [1, 2], ids=["pairs", "classes"])
def test_lists(snap_compare: Snap, make: Make, console: Console, tabs: int) -> None:
    run = make(made_judged.events(), alive=False)
    made_judged.judge(run, Path("val"))
    keys = ("m", *["tab"] * tabs)
    assert snap_compare(console(run), terminal_size=(80, 24), run_before=pressing(*keys))


def test_ascii(snap_compare: Snap, make: Make, console: Console) -> None:
    run = make(made_judged.events(), alive=False)
    made_judged.judge(run, Path("val"))
    app = console(run, ascii=True)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("m", wait="1 of 4"))


@by_size
def test_a_hundred_classes(snap_compare: Snap, make: Make, console: Console, size: tuple[int, int]) -> None:
    names = [f"species number {number:02d}, a name that goes on and on" for number in range(100)]
    events = [made_runs.started(), made_runs.scanned(names), *made_runs.history(5, classes=100)]
    run = make(events, alive=False)
    run.validation.write_text("path,label,pred_label,probability\n")
    assert snap_compare(console(run), terminal_size=size, run_before=pressing("m"))


def test_no_matrix(snap_compare: Snap, make: Make, console: Console) -> None:
    run = make(made_runs.beginning(), alive=True)
    assert snap_compare(console(run), terminal_size=(80, 24), run_before=pressing("m"))


@by_size
def test_predictions(snap_compare: Snap, make: Make, console: Console, size: tuple[int, int]) -> None:
    run = make(made_runs.finished(), alive=False)
    made_judged.predict(run, Path("test"))
    assert snap_compare(console(run), terminal_size=size, run_before=pressing("v", wait="1 of 12"))


def test_no_predictions(snap_compare: Snap, make: Make, console: Console) -> None:
    run = make(made_runs.finished(), alive=False)
    assert snap_compare(
        console(run), terminal_size=(80, 24), run_before=pressing("v", wait="no prediction yet")
    )


def test_dialogue(snap_compare: Snap, make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    wait = "no other run here"
    assert snap_compare(console(run), terminal_size=(80, 24), run_before=pressing("x", wait=wait))
