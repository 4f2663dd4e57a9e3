"""The comparison: its keys, its figures while runs go on, its files; on real run folders."""

from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from textual.pilot import Pilot
from watching import screen_text, shows, until

from engine.journal.events import EpochCut, EpochEnded, SettingChanged
from engine.run.directory import RunDir
from tests.made_comparisons import make_run
from tui.app import ConsoleApp
from tui.screens.compare import CompareScreen
from tui.screens.live import LiveScreen
from tui.widgets.compare_plot import draw, scale
from tui.widgets.compare_runs import CompareRuns
from tui.widgets.look import ASCII, UNICODE

Console = Callable[..., ConsoleApp]
SIZE = (120, 40)


@pytest.fixture
def runs(tmp_path: Path) -> list[RunDir]:
    folder = tmp_path / "runs"
    return [
        make_run(folder, "plain", [60, 72, 84, 83], right=range(6, 90)),
        make_run(folder, "mixed", [70, 90, 88], "mixup.alpha=0.5", right=range(90)),
        make_run(folder, "old", [50, 61], "optim.lr=0.001", "mixup.alpha=0.2"),
    ]


async def compare(pilot: Pilot[int], runs: list[RunDir], *texts: str) -> None:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    app.push_screen(CompareScreen(runs, app.glyphs, lambda: made_runs.START + 100))
    await shows(pilot, *(texts or ("against the best", "epochs")))


async def test_what_is_shown(console: Console, runs: list[RunDir]) -> None:
    async with console(runs[0]).run_test(size=SIZE) as pilot:
        await compare(pilot, runs, "compare 3 runs", "validation accuracy", "what their recipes differ in")
        await shows(
            pilot, "▶ ● plain", "84.00 %", "75.6 to 89.9 %", "4/4", "worse, p 0.0312", "▲ mixed", "best", "■ old",
            "intervals apart", "optim.lr     0.0005  0.0005  0.001", "mixup.alpha  0.0     0.5     0.2",
            "plain: worse than mixed by more than noise: of the 100 validation images that one alone has 6 right",
        )  # fmt: skip
        await pilot.press("down")
        await shows(pilot, "mixed: best, and its lead is more than noise")
        await pilot.press("end")
        await shows(
            pilot, "old: worse than mixed: their 95 % intervals are apart; not compared image by image: old"
        )
        await pilot.press("k")
        assert pilot.app.screen.query_one(CompareRuns).at == 1


async def test_curves(console: Console, runs: list[RunDir]) -> None:
    async with console(runs[0]).run_test(size=SIZE) as pilot:
        await compare(pilot, runs, "80 %", "60 %")
        for title, tick in (
            ("training accuracy", "80 %"),
            ("validation loss", "1.2"),
            ("learning rate", "0.0004"),
        ):
            await pilot.press("y")
            await shows(pilot, title, tick)
        await pilot.press("Y")
        await shows(pilot, "validation loss")


async def test_how_a_run_was_steered_stands_at_the_foot_of_the_curves(
    console: Console, runs: list[RunDir]
) -> None:
    setting = SettingChanged(key="optim.lr", old="0.001", new="0.002", epoch=2, step=1, by="ann@node7", pid=1)
    made_runs.append(runs[2], [setting, EpochCut(epoch=9, step=1, steps=10, by="ann@node7", pid=1)])
    async with console(runs[0]).run_test(size=SIZE) as pilot:
        await compare(pilot, runs, "s setting  c cut short")
        foot = next(row for row in screen_text(pilot).splitlines() if row.replace(" ", "") == "││&│")
        axis = next(row for row in screen_text(pilot).splitlines() if "\u2514\u252c" in row)
        assert foot.index("&") == axis.index("\u252c", axis.index("\u252c") + 1)  # over the second epoch
        await pilot.press("y")
        await shows(pilot, "training accuracy", "s setting  c cut short")


async def test_on_a_low_terminal_tab_shows_the_recipes(console: Console, runs: list[RunDir]) -> None:
    async with console(runs[0]).run_test(size=(80, 24)) as pilot:
        await compare(pilot, runs)
        assert "optim.lr" not in screen_text(pilot)
        await pilot.press("tab")
        await shows(pilot, "optim.lr", "tab runs", "q leave")
        assert "against the best" not in screen_text(pilot)
        await pilot.press("tab")
        await shows(pilot, "against the best", "tab recipes", "q leave")


async def test_a_run_that_goes_on(console: Console, runs: list[RunDir]) -> None:
    async with console(runs[0]).run_test(size=SIZE) as pilot:
        await compare(pilot, runs, "61.00 %", "2/2")
        last = EpochEnded(
            epoch=3, lr=1e-3, train_acc=90, train_loss=1, val_acc=99, val_loss=1, new_best=True, best=99, best_epoch=3,
            counter=0, patience=9, epochs_to_stop=9, next_lr=1e-3, images_per_s=1, seconds=60,
        )  # fmt: skip
        made_runs.append(runs[2], [last])
        await shows(pilot, "99.00 %", "3/2")


async def test_mouse(console: Console, runs: list[RunDir]) -> None:
    async with console(runs[0]).run_test(size=SIZE) as pilot:
        await compare(pilot, runs)
        panel = pilot.app.screen.query_one(CompareRuns)
        await pilot.click(panel, offset=(20, 4))
        assert panel.at == 2
        await pilot.click("#keys", offset=(3, 0))
        await shows(pilot, "training accuracy")


async def test_export(console: Console, runs: list[RunDir]) -> None:
    folder = runs[0].path.parent
    (folder / "comparison.csv").write_text("precious")
    async with console(runs[0]).run_test(size=SIZE) as pilot:
        await compare(pilot, runs)
        await pilot.press("e")
        await shows(pilot, "export the comparison", "picture", "all three")
        await pilot.press("a")
        await until(pilot, lambda: "comparison.png" in screen_text(pilot).replace("\n", ""), 30)
    assert (folder / "comparison.csv").read_text() == "precious"
    assert (folder / "comparison-2.csv").read_text().startswith("run,epoch,lr,")
    assert (folder / "comparison.md").read_text().startswith("# Comparison of runs")
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")


async def test_an_export_that_fails_says_why(console: Console, runs: list[RunDir], tmp_path: Path) -> None:
    async with console(runs[0]).run_test(size=SIZE) as pilot:
        await compare(pilot, runs)
        (tmp_path / "runs").rename(tmp_path / "away")
        await pilot.press("e", "c")
        await shows(pilot, "export: ", "No such file or directory")


async def test_help_palette_and_the_way_out(console: Console, runs: list[RunDir]) -> None:
    async with console(runs[0]).run_test(size=SIZE) as pilot:
        await compare(pilot, runs)
        await pilot.press("question_mark")
        await shows(pilot, "next or previous curve", "McNemar's exact test", "vrdl-tui ablate")
        await pilot.press("escape", "ctrl+p")
        await shows(pilot, "export what is shown to files")
        await pilot.press("c", "u", "r", "v", "enter")
        await shows(pilot, "training accuracy")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, LiveScreen)
        await compare(pilot, runs)
        await pilot.press("q")
        await until(pilot, lambda: pilot.app._exit)


@pytest.mark.parametrize("number", [0, 1, 13])
async def test_too_few_or_too_many(console: Console, runs: list[RunDir], number: int) -> None:
    async with console(runs[0]).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        app.push_screen(CompareScreen((runs * 5)[:number], app.glyphs, lambda: 0.0))
        await shows(
            pilot, "2 to 12 runs can be compared", f"and {number} ", "vrdl-tui compare RUN RUN", "esc back"
        )
        await pilot.press("y", "e", "down", "tab", "pagedown", "escape")
        assert isinstance(app.screen, LiveScreen)


async def test_no_epoch_yet(console: Console, tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "runs", name, []) for name in ("a", "b")]
    async with console(runs[0]).run_test(size=(80, 24)) as pilot:
        await compare(pilot, runs, "no epoch has ended yet", "no epoch of these runs has ended yet")
        await shows(pilot, "no epoch yet")


async def test_twelve_runs_with_long_names(console: Console, tmp_path: Path) -> None:
    name = "20261124-0408{:02d}-seresnet152d.ra2_in1k-with-a-name-that-is-much-longer-than-any-column"
    runs = [
        make_run(
            tmp_path / "runs", name.format(number), [40 + number, 50 + number], f"train.seed={number}",
            f"model.weights=/data/weights/of/some/long/path/weights-{number}.safetensors", right=range(50 + number),
        )
        for number in range(12)
    ]  # fmt: skip
    async with console(runs[0], ascii=True).run_test(size=(80, 24)) as pilot:
        await compare(pilot, runs, "1 of 12")
        await pilot.press("end")
        text = await shows(
            pilot,
            "12 of 12",
            "best  ",
            "20261124-040811-seresnet152d.ra2_in1k-with-a",
            "lead is more than noise over 3",
        )
        assert text.isascii()
        await pilot.press("tab")
        await shows(pilot, "runs 1 to 2 of 12", "weights-0.safetensors")
        await pilot.press(*["right"] * 20)
        await shows(pilot, "runs 11 to 12 of 12", "weights-11.safetensors")
        await pilot.press(*["left"] * 20)
        await shows(pilot, "runs 1 to 2 of 12")


async def test_hostile_names(console: Console, runs: list[RunDir]) -> None:
    evil = runs[0].path.with_name("[red]a\x1b[2J\u202e")
    runs[0].path.rename(evil)
    async with console(runs[1]).run_test(size=SIZE) as pilot:
        await compare(pilot, [RunDir(evil), runs[1]], "[red]a\\x1b[2J\\u202e")


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 0), (50, 50), (18.75, 59.4), (0.1, 2e5), (1e-9, 2e-9), (89.9, 90.1), (0, 100), (-1, 1e-12)],
)
@pytest.mark.parametrize("most", [2, 3, 8])
def test_scale(low: float, high: float, most: int) -> None:
    bottom, top, ticks = scale(low, high, most)
    assert bottom < low <= high < top
    assert 2 <= len(ticks) <= 2 * most
    assert all(bottom <= tick <= top for tick in ticks)
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize("glyphs", [ASCII, UNICODE], ids=["ascii", "unicode"])
def test_a_plot_of_many_epochs_is_as_large_as_asked(glyphs: object) -> None:
    curves = [[(epoch, float(epoch % (at + 2))) for epoch in range(1, 3001)] for at in range(12)]
    rows = draw([*curves[:11], []], [[]] * 12, "", 11, 100, 20, glyphs)  # type: ignore[arg-type]
    assert len(rows) == 20
    assert {row.cell_len for row in rows} == {100}
