"""What the list of runs looks like: at three sizes, empty, long, in ASCII, without colours, with its boxes."""

import os
from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from textual.pilot import Pilot
from watching import shows

from engine.run.directory import RunDir
from engine.run.labels import Labels, write_labels
from tui.app import ConsoleApp

SIZES = [(80, 24), (120, 40), (200, 60)]
Snap = Callable[..., bool]


@pytest.fixture
def runs(make: Callable[..., RunDir], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run in each state, one of them below a folder, two labelled."""
    monkeypatch.chdir(tmp_path)
    for day, (state, events) in enumerate(made_runs.STATES.items()):
        name = f"2026112{day}-040821-tf_efficientnet_lite0"
        run = make(events(), alive=state in ("live", "paused"), name=name)
        os.utime(run.recipe, (day, day))
        if day % 2:
            write_labels(
                run, Labels(("final", "seed1"), "a lower rate from the tenth epoch on; see the frogs")
            )
    nested = made_runs.make_run(Path("runs", "sweep"), "rate=1e-4", made_runs.finished())
    os.utime(nested.recipe, (9, 9))
    return Path("runs")


async def read(pilot: Pilot[int]) -> None:
    await shows(pilot, "failed", "finished", "paused", "running", "1 of 5")
    if pilot.app.size.width >= 120:
        await shows(pilot, "epoch 1 to")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_runs(snap_compare: Snap, runs: Path, size: tuple[int, int]) -> None:
    assert snap_compare(ConsoleApp(runs, None), terminal_size=size, run_before=read)


def test_ascii(snap_compare: Snap, runs: Path) -> None:
    assert snap_compare(ConsoleApp(runs, None, True), terminal_size=(120, 40), run_before=read)


def test_no_color(snap_compare: Snap, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(ConsoleApp(runs, None), terminal_size=(80, 24), run_before=read)


@pytest.mark.parametrize(
    "keys",
    [["question_mark"], ["space", "space", "t"], ["n"], ["end", "S"], ["slash", *"best>x"]],
    ids=["help", "tags", "rename", "stop", "filter"],
)
def test_boxes(snap_compare: Snap, runs: Path, keys: list[str]) -> None:
    async def press(pilot: Pilot[int]) -> None:
        await read(pilot)
        await pilot.press(*keys)
        await pilot.pause()

    assert snap_compare(ConsoleApp(runs, None), terminal_size=(80, 24), run_before=press)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_hundred_runs_with_long_names(
    snap_compare: Snap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.chdir(tmp_path)
    classes = [f"a class with a long name {number}" for number in range(100)]
    model = "hf-hub:timm/vit_base_patch14_reg4_dinov2.lvd142m_with_more"
    events = [made_runs.started(model=model), made_runs.scanned(classes), *made_runs.history(9, classes=100)]
    for number in range(100):
        name = f"an-uncommonly-long-name-of-a-run-that-no-table-has-room-for-{number:03}"
        os.utime(made_runs.make_run(Path("runs"), name, events).recipe, (number, number))

    async def end(pilot: Pilot[int]) -> None:
        await shows(pilot, "1 of 100")
        await pilot.press("end")
        await shows(pilot, "100 of 100", "interrupted")
        if size[0] >= 120:
            await shows(pilot, "epoch 1 to 9")

    assert snap_compare(ConsoleApp(Path("runs"), None), terminal_size=size, run_before=end)
