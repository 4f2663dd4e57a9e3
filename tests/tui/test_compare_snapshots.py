"""What the comparison looks like, at three sizes."""

from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from textual.pilot import Pilot
from watching import shows

from engine.run.directory import RunDir
from tests.made_comparisons import make_run
from tui.app import ConsoleApp
from tui.screens.compare import CompareScreen

SIZES = [(80, 24), (120, 40), (200, 60)]
Console = Callable[..., ConsoleApp]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunDir]:
    """Three runs, whose paths are the same in every test."""
    monkeypatch.chdir(tmp_path)
    folder = Path("runs")
    return [
        make_run(folder, "quick-plain", [made_runs.accuracy(epoch) for epoch in range(1, 13)], right=range(6, 90)),
        make_run(
            folder, "quick-mixup", [made_runs.accuracy(epoch) + 2 for epoch in range(1, 16)], "mixup.alpha=0.5",
            "optim.lr=0.001", right=range(90),
        ),
        make_run(folder, "older", [made_runs.accuracy(epoch) - 20 for epoch in range(1, 9)], "data.val_size=96"),
    ]  # fmt: skip


def opened(runs: list[RunDir], *keys: str, text: str = "against the best") -> Callable[..., object]:
    async def compare(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        app.push_screen(CompareScreen(runs, app.glyphs, lambda: made_runs.START))
        await shows(pilot, text)
        await pilot.press(*keys)
        await pilot.pause()

    return compare


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_three_runs(
    snap_compare: Callable[..., bool], console: Console, runs: list[RunDir], size: tuple[int, int]
) -> None:
    assert snap_compare(console(runs[0]), terminal_size=size, run_before=opened(runs, "down"))


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_with_test_sets(
    snap_compare: Callable[..., bool],
    console: Console,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, curve = Path("runs"), [made_runs.accuracy(epoch) for epoch in range(1, 13)]
    runs = [
        make_run(folder, "plain", curve, right=range(6, 90), test=range(70)),
        make_run(
            folder, "mixup", [one + 2 for one in curve], "mixup.alpha=0.5", right=range(90), test=range(82)
        ),
        make_run(folder, "no-labels", [one - 20 for one in curve], right=range(70)),
    ]
    assert snap_compare(console(runs[0]), terminal_size=size, run_before=opened(runs))


def test_recipes_on_a_low_terminal(
    snap_compare: Callable[..., bool], console: Console, runs: list[RunDir]
) -> None:
    before = opened(runs, "y", "y", "tab")
    assert snap_compare(console(runs[0]), terminal_size=(80, 24), run_before=before)


def test_ascii(snap_compare: Callable[..., bool], console: Console, runs: list[RunDir]) -> None:
    assert snap_compare(console(runs[0], ascii=True), terminal_size=(80, 24), run_before=opened(runs, "end"))


def test_no_color(
    snap_compare: Callable[..., bool], console: Console, runs: list[RunDir], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(console(runs[0]), terminal_size=(120, 40), run_before=opened(runs))


def test_one_run_only(snap_compare: Callable[..., bool], console: Console, runs: list[RunDir]) -> None:
    before = opened(runs[:1], text="can be compared")
    assert snap_compare(console(runs[0]), terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_twelve_runs(
    snap_compare: Callable[..., bool], console: Console, runs: list[RunDir], size: tuple[int, int]
) -> None:
    name = "20261124-04{:02d}21-seresnet152d.ra2_in1k-with-a-name-longer-than-any-column"
    twelve = [
        make_run(
            Path("runs"), name.format(number), [made_runs.accuracy(epoch) - 3 * number for epoch in range(1, 31)],
            f"train.seed={number}", f"optim.lr={1e-4 * (number + 1):.4f}", right=range(number, 88),
        )
        for number in range(12)
    ]  # fmt: skip
    assert snap_compare(console(runs[0]), terminal_size=size, run_before=opened(twelve, "end"))


def test_export(snap_compare: Callable[..., bool], console: Console, runs: list[RunDir]) -> None:
    assert snap_compare(console(runs[0]), terminal_size=(80, 24), run_before=opened(runs, "e"))


def test_help(snap_compare: Callable[..., bool], console: Console, runs: list[RunDir]) -> None:
    assert snap_compare(console(runs[0]), terminal_size=(80, 24), run_before=opened(runs, "question_mark"))
