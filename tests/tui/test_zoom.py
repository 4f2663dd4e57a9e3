"""Panels over the whole screen: in and out, the plot's options, the classes, the system."""

import re
from collections.abc import Callable

import made_runs
import msgspec
import pytest
from watching import PlayedEngine, plotted, screen_text, shows, until

from engine.journal.events import (
    BadImage,
    EpochEnded,
    Event,
    OutlierExcluded,
    RunStarted,
    SettingChanged,
    Step,
    SystemSample,
)
from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.screens.live import LiveScreen
from tui.screens.zoom import PANELS, ZoomScreen
from tui.widgets.plot_view import PlotView

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
SIZE = (120, 40)


def sample(number: int, **changes: object) -> SystemSample:
    fields: dict[str, object] = {
        "cpu_percent": 50.0 + number % 40, "rss": 900_000_000, "ram_used": 6_000_000_000,
        "ram_total": 16_000_000_000, "disk_free": 50_000_000_000,
    }  # fmt: skip
    return SystemSample(**(fields | changes))  # type: ignore[arg-type]


def with_samples(*samples: SystemSample, data_wait: float = 3.0) -> list[Event]:
    *before, step = made_runs.live()
    assert isinstance(step, Step)
    return [*before, *samples, msgspec.structs.replace(step, data_wait=data_wait)]


@pytest.mark.parametrize(("number", "text"), list(enumerate(
    ["accuracy", "learning rate", "watches  validation accuracy", "63 of 406 wrong", "1 bad image", "no figures yet"],
    start=1,
)))  # fmt: skip
async def test_each_panel_fills_the_screen_and_goes_back(
    make: Make, console: Console, number: int, text: str
) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING", "early stop")
        await pilot.press(str(number))
        screen = await shows(pilot, text, "esc back")
        assert "outlier log" not in screen or number == 5
        await pilot.press("escape")
        await shows(pilot, "TRAINING", "outlier log", "early stop")
        assert isinstance(pilot.app.screen, LiveScreen)


async def test_tab_and_enter(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("tab")
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == "accuracy"
        await pilot.press("tab", "tab", "enter")
        assert isinstance(pilot.app.screen, ZoomScreen)
        await shows(pilot, "counter", "train loss")
        await pilot.press("4")
        await shows(pilot, "confusion", "a by class")
        await pilot.press("4")
        assert isinstance(pilot.app.screen, LiveScreen)


async def test_a_double_click(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.click("#confusion", times=2)
        await shows(pilot, "a by class")


async def test_the_plots_options(make: Make, console: Console) -> None:
    run = make([*made_runs.beginning(), *made_runs.history(80, total=90, patience=100)], alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("1")
        await shows(pilot, "all", "loss")
        await pilot.press("f")
        await shows(pilot, "last 50")
        await pilot.press("g")
        await shows(pilot, "log axis")
        await pilot.press("S")
        await shows(pilot, "smoothing 0.6")
        await pilot.press("S", "S")
        await until(pilot, lambda: "smoothing" not in screen_text(pilot))
        for shown in ("learning rate", "accuracy", "loss", "both"):
            await pilot.press("y")
            await pilot.pause()
            assert pilot.app.screen.query_one(PlotView).options.shown == shown
        await pilot.press("0")
        await shows(pilot, "all")


async def test_zoom_pan_and_cursor(make: Make, console: Console) -> None:
    run = make([*made_runs.beginning(), *made_runs.history(80, total=90, patience=100)], alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("1")
        plot = pilot.app.screen.query_one(PlotView)
        await pilot.press("plus", "plus")
        span = plot.options.span
        assert span is not None
        assert span[1] == 80
        await pilot.press("left")
        assert plot.options.span is not None
        assert plot.options.span[0] < span[0]
        assert plot.options.cursor is not None  # it comes along
        await pilot.press("0", "comma", "comma", "comma")
        assert plot.options.cursor == 77
        await shows(pilot, "epoch 77", f"val {made_runs.accuracy(77):.2f} %")
        await pilot.press("full_stop", "full_stop", "full_stop", "full_stop")
        assert plot.options.cursor is None
        await pilot.press("plus", "minus", "minus")
        assert plot.options.span is None


async def test_the_mouse_on_the_plot(make: Make, console: Console) -> None:
    run = make([*made_runs.beginning(), *made_runs.history(80, total=90, patience=100)], alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("2")
        plot = pilot.app.screen.query_one(PlotView)
        await pilot.click(PlotView, offset=(60, 10))
        assert plot.options.cursor is not None
        assert 25 < plot.options.cursor < 55
        await pilot.press("plus", "plus")
        span = plot.options.span
        assert span is not None
        await pilot.mouse_down(PlotView, offset=(60, 10))
        await pilot.hover(PlotView, offset=(90, 10))
        await pilot.mouse_up(PlotView, offset=(90, 10))
        assert plot.options.span is not None
        assert plot.options.span[0] < span[0]


async def test_marks_are_told_at_the_cursor(make: Make, console: Console) -> None:
    again = made_runs.started(attempt=2, resumed_epoch=6, resumed_step=10, host="node[9]")
    events = [
        *made_runs.beginning(), *made_runs.history(8), again, *made_runs.history(7)[-2:],
        SettingChanged(key="schedule.patience", old="6", new="9", epoch=6, step=3),
    ]  # fmt: skip
    ends = [event for event in made_runs.history(8) if isinstance(event, EpochEnded)]
    run = make([*events[:-3], *ends[5:], events[-1]], alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "val")
        await pilot.press("1", "comma", "comma")
        await shows(pilot, "r resumed on node[9], attempt 2", "s schedule.patience 6 → 9")


async def test_a_new_epoch_comes_into_the_full_plot(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("1")
        await shows(pilot, "epoch 14")
        ended = [event for event in made_runs.history(15) if isinstance(event, EpochEnded)]
        engine.says(ended[-1])
        await shows(pilot, "epoch 15")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_the_classes_worst_first_with_their_change(
    make: Make, console: Console, size: tuple[int, int]
) -> None:
    newest = msgspec.structs.replace(made_runs.matrix(5, each=60), path="")
    run = make([*made_runs.beginning(), *made_runs.history(4), newest], alive=True)
    async with console(run).run_test(size=size) as pilot:
        await shows(pilot, "confusion")
        await pilot.press("4", "a")
        screen = await shows(pilot, "accuracy by class, epoch 5", "change since epoch 4", "bird")
        shares = [float(line.split("%")[0].split()[-1]) for line in screen.splitlines() if "/60" in line]
        assert len(shares) == 7
        assert shares == sorted(shares)
        assert "+0.8" in screen  # bird: 46 of 60 where 44 of 58 were right
        await pilot.press("a")
        await shows(pilot, "wrong")


async def test_a_hundred_classes_scroll(make: Make, console: Console) -> None:
    names = [f"a very long name of the class {number}" for number in range(100)]
    run = make(
        [made_runs.started(), made_runs.scanned(names), *made_runs.history(3, classes=100)], alive=True
    )
    async with console(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "confusion")
        await pilot.press("4", "a")
        await shows(pilot, "1-20 of 100")
        await pilot.press("end")
        await shows(pilot, "81-100 of 100")


async def test_all_outliers_scroll(make: Make, console: Console) -> None:
    out = [
        OutlierExcluded(class_name="cat", path=f"train/cat/{n:04d}.jpg", error=2.0, threshold=1.0, action="exclude")
        for n in range(90)
    ]  # fmt: skip
    bad = BadImage(path="/x/[red]evil[/]\x1b[31m.jpg", reason="truncated", split="train")
    run = make([*made_runs.beginning(outliers="autoencoder"), *out, bad], alive=True)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "outlier log")
        await pilot.press("5")
        await shows(pilot, "1-20 of 93")
        await pilot.press("end")
        screen = await shows(pilot, "[red]evil[/]")
        assert "\x1b" not in screen


async def test_the_system_says_what_bounds_the_run(make: Make, console: Console) -> None:
    hot = sample(
        9, disk_free=900_000_000, ram_used=15_500_000_000, gpu_percent=97.0, gpu_memory_used=30 * 10**9,
        gpu_memory_total=80 * 10**9, gpu_temperature=88.0, gpu_power=300.0,
    )  # fmt: skip
    run = make(with_samples(*(sample(number) for number in range(9)), hot, data_wait=14.0), alive=True)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("z")
        await shows(
            pilot, "waits for images 14 %", "disk is nearly full: 900.0 MB left", "memory is nearly full",
            "the GPU is hot: 88 °C", "GPU power", "300 W",
        )  # fmt: skip


@pytest.mark.parametrize("size", [(80, 24), (120, 50)])
async def test_a_figure_that_the_gpu_lacks_costs_no_other(
    make: Make, console: Console, size: tuple[int, int]
) -> None:
    """As on a slice of a GPU (MIG); and one that was missing in some samples only."""
    some: dict[str, object] = {"gpu_memory_used": 30 * 10**9, "gpu_memory_total": 80 * 10**9}
    samples = [sample(0), sample(1, **some), sample(2, **some, gpu_temperature=50.0)]
    run = make(with_samples(*samples), alive=True)
    async with console(run).run_test(size=size) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("z")
        screen = await shows(pilot, "CPU", "GPU memory", "30.0 GB of 80.0 GB", "GPU heat", "50 °C")
        assert "GPU power" not in screen
        assert not re.search(r"GPU +\d", screen)


async def test_no_warning_without_a_reason(make: Make, console: Console) -> None:
    run = make(with_samples(sample(1), sample(2), data_wait=9.9), alive=True)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("z")
        screen = await shows(pilot, "nothing here bounds the run", "CPU")
        assert "GPU" not in screen
        assert "!" not in screen


async def test_the_system_is_beside_the_others_where_there_is_room(make: Make, console: Console) -> None:
    run = make(with_samples(sample(1)), alive=True)
    async with console(run).run_test(size=(200, 60)) as pilot:
        await shows(pilot, "system", "engine      900.0 MB")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "disk free" not in screen_text(pilot))


async def test_ascii_has_no_other_character(make: Make, console: Console) -> None:
    run = make(with_samples(*(sample(number, gpu_temperature=50.0) for number in range(30))), alive=True)
    async with console(run, ascii=True).run_test(size=(80, 24)) as pilot:
        await plotted(pilot)
        for number in range(1, len(PANELS) + 1):
            await pilot.press(str(number), "S", "g", "a")
            await pilot.pause()
            assert screen_text(pilot).isascii()
        await pilot.press("question_mark")
        assert screen_text(pilot).isascii()


async def test_q_in_the_full_screen_asks_as_it_does_everywhere(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("1", "q")
        await shows(pilot, "detach")


def test_a_resume_is_kept_and_a_new_start_forgets() -> None:
    from engine.journal.state import RunState

    state = RunState()
    state.apply_all([made_runs.started(), sample(1), *made_runs.history(3)])
    assert len(state.samples) == 1
    assert state.best_confusion is not None
    again = made_runs.started(attempt=2, resumed_epoch=3)
    assert isinstance(again, RunStarted)
    state.apply_all([again])
    assert [one.attempt for one in state.resumes] == [2]
    assert not state.samples
    state.apply_all([made_runs.started(), *(sample(number) for number in range(300))])
    assert not state.resumes
    assert state.best_confusion is None
    assert len(state.samples) == 200
