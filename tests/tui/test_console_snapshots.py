"""What the screens look like, at three sizes in four states."""

from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from textual.pilot import Pilot
from watching import plotted, shows

from engine.journal.events import AutoencoderEpoch, OutlierExcluded, StageStarted
from engine.run.directory import RunDir
from tui.app import ConsoleApp

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", made_runs.STATES)
def test_live_view(
    snap_compare: Callable[..., bool],
    make: Callable[..., RunDir],
    console: Callable[..., ConsoleApp],
    state: str,
    size: tuple[int, int],
) -> None:
    run = make(made_runs.STATES[state](), alive=state in ("live", "paused"))
    assert snap_compare(console(run), terminal_size=size, run_before=plotted)


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_scored_test_set(
    snap_compare: Callable[..., bool],
    make: Callable[..., RunDir],
    console: Callable[..., ConsoleApp],
    size: tuple[int, int],
) -> None:
    run = make(made_runs.scored(), alive=False)
    assert snap_compare(console(run), terminal_size=size, run_before=plotted)


def test_ascii(
    snap_compare: Callable[..., bool], make: Callable[..., RunDir], console: Callable[..., ConsoleApp]
) -> None:
    run = make(made_runs.live(), alive=True)
    assert snap_compare(console(run, ascii=True), terminal_size=(80, 24), run_before=plotted)


def test_no_color(
    snap_compare: Callable[..., bool],
    make: Callable[..., RunDir],
    console: Callable[..., ConsoleApp],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    run = make(made_runs.live(), alive=True)
    assert snap_compare(console(run), terminal_size=(120, 40), run_before=plotted)


def test_a_hundred_classes(
    snap_compare: Callable[..., bool], make: Callable[..., RunDir], console: Callable[..., ConsoleApp]
) -> None:
    names = [f"{number}" for number in range(100)]
    events = [made_runs.started(), made_runs.scanned(names), *made_runs.history(5, classes=100)]
    run = make(events, alive=False)
    assert snap_compare(console(run), terminal_size=(120, 40), run_before=plotted)


def test_outlier_stage(
    snap_compare: Callable[..., bool], make: Callable[..., RunDir], console: Callable[..., ConsoleApp]
) -> None:
    events = [
        *made_runs.beginning(outliers="autoencoder"),
        StageStarted(stage="finding outliers"),
        OutlierExcluded(
            class_name="bird", path="train/bird/0017.jpg", error=0.0213, threshold=0.0187, action="exclude"
        ),
        OutlierExcluded(
            class_name="bird", path="train/bird/0203.jpg", error=0.0301, threshold=0.0187, action="exclude"
        ),
        AutoencoderEpoch(class_name="cat", class_index=2, classes=7, epoch=11, epochs=30, loss=0.0123),
    ]
    run = make(events, alive=True)
    assert snap_compare(console(run), terminal_size=(80, 24), run_before=plotted)


def test_no_runs(snap_compare: Callable[..., bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def read(pilot: Pilot[int]) -> None:
        await shows(pilot, "vrdl-tui train DATA")

    assert snap_compare(ConsoleApp(Path("runs"), None), terminal_size=(80, 24), run_before=read)


@pytest.mark.parametrize("key", ["q", "question_mark", "l", "ctrl+p"])
def test_over_the_live_view(
    snap_compare: Callable[..., bool],
    make: Callable[..., RunDir],
    console: Callable[..., ConsoleApp],
    key: str,
) -> None:
    run = make(made_runs.live(), alive=True)

    async def press(pilot: Pilot[int]) -> None:
        await plotted(pilot)
        await pilot.press(key)
        await pilot.pause()

    assert snap_compare(console(run, ascii=key == "q"), terminal_size=(80, 24), run_before=press)
