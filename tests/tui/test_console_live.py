"""The live view while things change: journals that grow, terminals resized, names that are hostile."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from textual.pilot import Pilot
from watching import PlayedEngine, plotted, screen_text, shows, until

from engine.journal.events import (
    BadImage,
    ConfusionMatrix,
    DatasetScanned,
    EpochEnded,
    LrDecayed,
    OutlierExcluded,
    Paused,
    RunEnded,
    RunWarning,
    StageStarted,
    Step,
    encode_line,
)
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.widgets.panel import Panel
from tui.widgets.plot import plotext

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
PANELS = ("accuracy", "learning rate", "early stop", "outlier log", "confusion")
HOSTILE = [
    "\x1b[31mred",
    "[bold]loud",
    "a\u202eb",
    "日本語の猫",
    "x" * 200,
    "new\nline",
    "tab\there",
    "e\u0301t\u00e9",
    "[/]",
    "",
]


async def test_a_run_from_nothing_to_its_end(make: Make, console: Console) -> None:
    run = make([], alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "STARTING", "starting the engine", *PANELS)
        engine.says(StageStarted(stage="importing", detail="torch"))
        await shows(pilot, "importing · torch")
        engine.says(*made_runs.beginning())
        await shows(pilot, "epoch  0/30", "reading data", "off (outliers.method is none)", "0.000150000")
        engine.says(StageStarted(stage="downloading weights", detail="17 MB"))
        await shows(pilot, "downloading weights · 17 MB")
        epoch = made_runs.history(1)
        engine.says(epoch[0], step(1, 40))
        await shows(
            pilot, "TRAINING", "step  40/103", "no epoch has ended yet", "epoch 1 so far: train 51.20 %"
        )
        engine.says(step(1, 103))
        await shows(pilot, "VALIDATING", "step 103/103")
        engine.says(*epoch[1:])
        await shows(pilot, "val 46.30 %", "best 46.30 % epoch 1", "0/6", "epoch 1: ", "bird → frog 6")
        engine.says(*made_runs.history(3)[len(epoch) :])
        await shows(pilot, "epoch  3/30")


def step(epoch: int, number: int) -> Step:
    return Step(epoch=epoch, step=number, steps=103, loss=1.2, train_acc=51.2, images_per_s=210.0, eta=60.0)


async def test_every_panel_at_every_size_while_resized(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await plotted(pilot)
        for size in [(120, 40), (200, 60), (80, 24), (100, 30), (80, 24)]:
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: len(screen_text(pilot).splitlines()) == size[1])  # type: ignore[misc]
            await shows(
                pilot, *PANELS, "0.000090000", "1/6", "86.08", "88.45", "off", "63 of 406 wrong", "q quit"
            )
            rows = screen_text(pilot).splitlines()
            assert len(rows) == size[1]
            assert rows[-1].startswith(" p pause")


async def test_odd_sizes_do_no_harm(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await plotted(pilot)
        for size in [(40, 12), (20, 6), (3, 2), (300, 100)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await pilot.resize_terminal(80, 24)
        await shows(pilot, *PANELS, "86.08")


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_hostile_names(make: Make, console: Console, size: tuple[int, int], ascii: bool) -> None:
    names = (HOSTILE * 10)[:100]
    cells = [(true, (true + 1) % 100, 5) for true in range(100)] + [(true, true, 9) for true in range(100)]
    events = [
        made_runs.started(model="m\x1b]0;title\x07[red]", outliers="autoencoder", data="/d\u202e"),
        DatasetScanned(classes=names, train_images=1, val_images=1, test_images=1, split="folders"),
        *made_runs.history(2),
        ConfusionMatrix(epoch=2, classes=100, cells=cells, path="confusion_matrix2.png"),
        OutlierExcluded(
            class_name=names[0], path="/x/\x1b[2J.jpg", error=0.2, threshold=0.1, action="exclude"
        ),
        BadImage(path="/x/[link]\u200b.jpg", reason="\x9b31m", split="val"),
        RunWarning(message="[b]\x1b[31m" + "long " * 60),
        LrDecayed(epoch=3, old=1e-4, new=1e-5, reason="\x1b[1m[i]"),
        RunEnded(outcome="failed", reason="\x1b[2J[red]boom", epoch=2, best=None, best_epoch=0, exit_code=1),
    ]
    run = make(events, alive=False)
    run.engine_log.write_bytes(b"\x1b[31mTraceback\xff [bold]\n")
    async with console(run, ascii=ascii).run_test(size=size) as pilot:
        await plotted(pilot)
        assert_harmless(await shows(pilot, "FAILED", "[red]boom"), size, ascii)
        await pilot.press("l")
        assert_harmless(await shows(pilot, "Traceback", "[bold]"), size, ascii)
        await pilot.press("b")
        assert_harmless(await shows(pilot, "failed"), size, ascii)


def assert_harmless(text: str, size: tuple[int, int], ascii: bool) -> None:
    """Nothing on the screen steers a terminal, and every row is as wide as the screen."""
    from rich.cells import cell_len

    assert not [character for character in text.replace("\n", "") if ord(character) < 0x20]
    assert not set(text) & set("\x7f\x9b\u202e\u200b\u2066")
    assert {cell_len(row) for row in text.splitlines()} == {size[0]}
    if ascii:
        assert text.isascii()


@pytest.mark.parametrize("state", made_runs.STATES)
async def test_ascii_is_ascii_everywhere(make: Make, console: Console, state: str) -> None:
    alive = state in ("live", "paused")
    run = make(made_runs.STATES[state](), alive=alive)
    async with console(run, ascii=True).run_test(size=(80, 24)) as pilot:
        await plotted(pilot)
        assert screen_text(pilot).isascii()
        for key in [
            *(["q", "escape"] if alive else []),
            "l",
            "l",
            "question_mark",
            "escape",
            "ctrl+p",
            "escape",
            "b",
        ]:
            await pilot.press(key)
            await pilot.pause()
            assert screen_text(pilot).isascii(), key
        assert (await shows(pilot, "best", "Enter open")).isascii()


async def test_a_loss_is_monitored(make: Make, console: Console) -> None:
    ended = EpochEnded(
        epoch=1, lr=1e-9, train_acc=50.0, train_loss=1.0, val_acc=60.0, val_loss=0.71234, new_best=True,
        best=0.71234, best_epoch=1, counter=0, patience=6, epochs_to_stop=6, next_lr=1e-9,
        images_per_s=1.0, seconds=1.0,
    )  # fmt: skip
    run = make([*made_runs.beginning(monitor="val_loss"), ended], alive=False)
    async with console(run).run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        await shows(pilot, "best loss 0.71234 epoch 1", "validation loss", "1.000e-09", "val 60.00 %")


async def test_values_that_are_no_numbers(make: Make, console: Console) -> None:
    line = encode_line(made_runs.history(2)[1]).replace(b'"val_loss":1.58267', b'"val_loss":null')
    run = make([*made_runs.beginning(), step(1, 3)], alive=True)
    with run.journal.open("ab") as journal:
        journal.write(line + b"not json\n" + b'{"seq":99,"t":1.0,"type":"of_tomorrow"}\n')
    async with console(run).run_test(size=(80, 24)) as pilot:
        await shows(pilot, *PANELS)


async def test_a_run_without_an_epoch(make: Make, console: Console) -> None:
    run = make(made_runs.beginning(), alive=False)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await shows(
            pilot, "INTERRUPTED", "no epoch has ended yet", "none yet", "r resumes from the start", *PANELS
        )


async def test_a_silent_engine_is_said_to_be_silent(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    now = made_runs.now_after(run) + 135
    async with console(run, clock=lambda: now).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "the engine lives, but has said nothing for 2:2")


@pytest.mark.parametrize("apart", [-60.0, 60.0])
async def test_clocks_that_differ_make_no_silence(make: Make, console: Console, apart: float) -> None:
    run = make(made_runs.live(), alive=True)
    now = made_runs.now_after(run) + apart
    async with console(run, clock=lambda: now).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "TRAINING", "data wait 3 %")
        now += 29
        made_runs.append(run, [step(15, 50)])
        await shows(pilot, "step  50/103", "checkpoint 14/103")
        now += 29
        made_runs.append(run, [step(15, 60)])
        await shows(pilot, "step  60/103")
        assert "said nothing" not in screen_text(pilot)
        now += 31
        await shows(pilot, "the engine lives, but has said nothing for 0:31")
        made_runs.append(run, [step(15, 70)])
        await until(pilot, lambda: "said nothing" not in screen_text(pilot))


async def test_a_silence_that_begins_as_the_console_does(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    now = made_runs.now_after(run)
    async with console(run, clock=lambda: now).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "TRAINING", "data wait 3 %")
        now += 31
        await shows(pilot, "the engine lives, but has said nothing for 0:31")
        now += 60
        await shows(pilot, "the engine lives, but has said nothing for 1:3")


async def test_only_what_changed_is_drawn(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        drawn: list[str] = []
        for panel in pilot.app.screen.query(Panel):
            panel.rows = lambda *_args, id=panel.id: drawn.append(id) or []
        engine.says(step(15, 50))
        await shows(pilot, "step  50/103")
        assert drawn == []


async def test_quick_epochs_are_drawn_every_few_seconds(make: Make, console: Console) -> None:
    """A curve is 4 kB on the line: epochs shorter than a few seconds are drawn together, a pause at once.

    The scores in the first row wait for the curve: the screen has one newest epoch.
    """
    run = make([*made_runs.beginning(), *made_runs.history(2)], alive=True)
    engine = PlayedEngine(run)
    now = made_runs.now_after(run)
    two, three = len(made_runs.history(2)), len(made_runs.history(3))
    third, fourth = made_runs.history(4)[two:three], made_runs.history(4)[three:]
    async with console(run, clock=lambda: now).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "epoch 2: ")
        now += 1
        engine.says(*third)
        old = f"val {made_runs.accuracy(2):.2f} %"
        await shows(pilot, "epoch  3/30", f"{old}  ◆", f"{old}  •", "epoch 2: ")
        now += 6
        await shows(pilot, "best 65.95 % epoch 3", "epoch 3: ")
        now += 1
        engine.says(*fourth)
        await shows(pilot, "epoch  4/30", "epoch 3: ")
        engine.says(Paused(epoch=4, step=0))
        await shows(pilot, "PAUSED", f"val {made_runs.accuracy(4):.2f} %  ◆", "epoch 4: ")


def test_the_fold_of_a_long_run_is_quick() -> None:
    """200 epochs are folded in less time than a blink, so that the first paint has them."""
    import time

    state = RunState()
    events = made_runs.history(200, total=200, patience=500)
    started = time.perf_counter()
    state.apply_all(events)
    assert time.perf_counter() - started < 0.1
    assert len(state.epochs) == 200


_HEADLESS = """
import asyncio, sys
from pathlib import Path
from engine.run.directory import RunDir
from tui.app import ConsoleApp

async def main():
    run = RunDir(Path(sys.argv[1]))
    app = ConsoleApp(run.path.parent, run)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.5)
        for key in ("l", "l", "question_mark", "escape", "ctrl+p", "escape", "b"):
            await pilot.press(key)
            await pilot.pause(0.1)

asyncio.run(main())
heavy = {"torch", "torchvision", "timm", "cv2", "numpy", "matplotlib"}
print(sorted(heavy & set(sys.modules)))
"""


def test_nothing_heavy_is_imported(make: Make) -> None:
    run = make(made_runs.live(), alive=False)
    done = subprocess.run(
        [sys.executable, "-c", _HEADLESS, str(run.path)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2], timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_plotext_draws_the_size_it_is_told() -> None:
    figure = plotext().figure
    figure.clear()
    figure.plot_size(150, 70)
    figure.draw(figure.signal([1, 2], [1, 2]))
    assert figure.build().size() == (150, 70)


async def test_the_runs_list_follows(make: Make, console: Console) -> None:
    first = make(made_runs.live(), alive=True, name="first")
    async with console(None).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "first", "running", "15/30")
        make([], alive=True, name="second")
        await shows(pilot, "second", "starting")
        PlayedEngine(first).says(*made_runs.paused()[-1:])
        await shows(pilot, "paused")
        await cursor_stays(pilot)


async def cursor_stays(pilot: Pilot[int]) -> None:
    """The run under the cursor stays there while others come above it."""
    await until(pilot, lambda: any("▶" in row and "first" in row for row in screen_text(pilot).splitlines()))
