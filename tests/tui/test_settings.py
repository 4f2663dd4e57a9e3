"""What outlasts the console: its theme and layout come back, and a damaged file is said and ignored."""

import threading
import tomllib
from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from watching import plotted, screen_text, shows, until

from engine.journal.events import OutlierExcluded
from engine.run.directory import RunDir
from engine.run.notify import Notices, Settings, load_settings, settings_path
from tui.app import ConsoleApp
from tui.cli.program import make_app
from tui.settings import Curves, Layout, Memory, RunOrder, layout_path
from tui.widgets.confusion_words import NORM_WORDS
from tui.widgets.log import Log


def written() -> None:
    """Wait for the threads that write."""
    for thread in threading.enumerate():
        if thread.name == "layout":
            thread.join(5)


def test_no_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.toml") == (Settings(), "")
    assert Settings().notify == Notices(bell=True, desktop="off", command=[])
    assert Memory(tmp_path / "none" / "layout.toml").layout == Layout(theme="dark", log=False)


def test_settings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[notify]\nbell = false\ndesktop = "osc9"\ncommand = ["notify-send", "run ended"]\n')
    wanted = Notices(bell=False, desktop="osc9", command=["notify-send", "run ended"])
    assert load_settings(path) == (Settings(notify=wanted), "")


def test_the_ones_that_the_tutorial_shows_are_good(tmp_path: Path) -> None:
    tutorial = (Path(__file__).parents[2] / "assets" / "docs" / "tutorial.md").read_text()
    path = tmp_path / "settings.toml"
    path.write_text(tutorial.split("```toml\n")[1].split("```")[0])
    settings, problem = load_settings(path)
    assert (settings.notify.desktop, problem) == ("osc9", "")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"[notify\n", "at line 1"),
        (b"\xff\xfe", "utf-8"),
        (b"[notify]\nbell = 3\n", "$.notify.bell"),
        (b'[notify]\ncommand = "notify-send x"\n', "$.notify.command"),
        (b'[notify]\ndesktop = "osc8"\n', "osc8"),
        (b"[notify]\nbel = true\n", "bel"),
    ],
)
def test_a_damaged_file_is_ignored_with_a_word(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "set\ntings.toml"
    path.write_bytes(content)
    settings, problem = load_settings(path)
    assert settings == Settings()
    assert word in problem
    assert problem.startswith(f"{tmp_path}/set\\x0atings.toml is ignored: ")
    assert problem.isprintable()


def test_the_environment_moves_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert settings_path() == tmp_path / "config" / "vrdl-tui" / "settings.toml"
    assert layout_path() == tmp_path / "state" / "vrdl-tui" / "layout.toml"


def test_the_last_of_many_changes_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "layout.toml"
    memory = Memory(path)
    for number in range(20):
        memory.keep(theme="light" if number % 2 else "dark", log=number % 3 == 0)
    memory.keep(theme="colour-blind", log=True)
    written()
    assert Memory(path).layout == Layout(theme="colour-blind", log=True)
    assert [entry.name for entry in path.parent.iterdir()] == ["layout.toml"]


def test_a_layout_that_cant_be_read_is_the_default_and_mended_by_the_next_change(tmp_path: Path) -> None:
    path = tmp_path / "layout.toml"
    path.write_text('theme = "mauve"\n')
    memory = Memory(path)
    assert memory.layout == Layout()
    assert "mauve" in memory.problem
    memory.keep(log=True)
    written()
    assert tomllib.loads(path.read_text())["log"] is True
    assert Memory(path).layout == Layout(log=True)


def test_a_folder_that_cant_be_written_to_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memory = Memory(tmp_path / "file" / "layout.toml")
    memory.keep(theme="light")
    written()
    assert memory.layout.theme == "light"


async def test_the_next_console_looks_as_the_last_did(tmp_path: Path, make: Callable[..., RunDir]) -> None:
    run, path = make(made_runs.finished(), alive=False), tmp_path / "layout.toml"
    async with ConsoleApp(tmp_path, run, memory=Memory(path)).run_test(size=(80, 24)) as pilot:
        await plotted(pilot)
        await pilot.press("T", "l")
        await pilot.pause()
    written()
    app = ConsoleApp(tmp_path, run, memory=Memory(path))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "early stopped at epoch 22")
        assert app.theme == "light"
        assert app.screen.query_one(Log).display
        await pilot.press("l")
        await shows(pilot, "confusion")
    written()
    assert Memory(path).layout == Layout(theme="light", log=False)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("[curves]\nsmoothing = 1.5\n", "$.curves.smoothing"),
        ('matrix = "diagonal"\n', "diagonal"),
        ("[runs]\ndescending = 3\n", "$.runs.descending"),
        ('gallery = ["newest"]\n', "$.gallery"),
    ],
)
def test_a_damaged_layout_is_told_of(tmp_path: Path, content: str, word: str) -> None:
    path = tmp_path / "layout.toml"
    path.write_text(content)
    memory = Memory(path)
    assert memory.layout == Layout()
    assert word in memory.problem


def test_a_newer_version_s_layout_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "layout.toml"
    path.write_text('theme = "light"\nfuture = 3\n')
    assert (Memory(path).layout, Memory(path).problem) == (Layout(theme="light"), "")


def test_many_changes_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "layout.toml"
    memory = Memory(path)
    for number in range(50):
        memory.keep(curves=Curves(smoothing=number / 50))
    assert sum(thread.name == "layout" for thread in threading.enumerate()) == 1
    assert not path.exists(), "the first of them waits for the others"
    memory.close()
    written()
    assert Memory(path).layout.curves == Curves(smoothing=0.98)
    before = path.stat().st_mtime_ns
    memory.keep(curves=Curves(smoothing=0.98))
    written()
    assert path.stat().st_mtime_ns == before, "nothing has changed"


async def test_the_order_of_the_runs_is_remembered(tmp_path: Path, make: Callable[..., RunDir]) -> None:
    for name in ("b-run", "c-run", "a-run"):
        make(made_runs.finished(), alive=False, name=name)
    path = tmp_path / "layout.toml"
    async with ConsoleApp(tmp_path / "runs", None, memory=Memory(path)).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "3 runs")
        await pilot.click("#run-list", offset=(18, 1))
        await shows(pilot, "name▲")
        await pilot.press("i")
        await shows(pilot, "name▼")
    written()
    assert Memory(path).layout.runs == RunOrder("name", True)
    async with ConsoleApp(tmp_path / "runs", None, memory=Memory(path)).run_test(size=(120, 40)) as pilot:
        screen = await shows(pilot, "name▼", "3 runs")
        assert screen.index("c-run") < screen.index("b-run") < screen.index("a-run")


async def test_an_order_by_what_is_no_field_any_more(tmp_path: Path, make: Callable[..., RunDir]) -> None:
    make(made_runs.finished(), alive=False)
    memory = Memory()
    memory.keep(runs=RunOrder("colour", False))
    async with ConsoleApp(tmp_path / "runs", None, memory=memory).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "started▼")


async def test_the_plot_the_matrix_and_the_gallery_are_as_they_were(
    tmp_path: Path, make: Callable[..., RunDir]
) -> None:
    left_out = OutlierExcluded(class_name="cat", path="a/cat/1.jpg", error=2, threshold=1, action="exclude")
    events = [
        *made_runs.beginning(outliers="autoencoder"),
        left_out,
        *made_runs.history(60, total=70, patience=99),
    ]
    run, path = make(events, alive=True), tmp_path / "layout.toml"
    async with ConsoleApp(tmp_path, run, memory=Memory(path)).run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        await pilot.press("1", "f", "g", "S")
        await shows(pilot, "last 50", "log axis", "smoothing 0.6")
        await pilot.press("escape", "m")
        await shows(pilot, "true down, predicted across")
        await pilot.press("percent_sign")
        await shows(pilot, "the matrix shows")
        await pilot.press("escape", "o")
        await shows(pilot, "newest first")
        await pilot.press("s")
        await until(pilot, lambda: "newest first" not in screen_text(pilot))
    written()
    layout = Memory(path).layout
    assert layout == Layout(curves=Curves(True, True, 0.6), matrix="row", gallery="error")
    async with ConsoleApp(tmp_path, run, memory=Memory(path)).run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        await pilot.press("2")
        await shows(pilot, "last 50", "log axis", "smoothing 0.6")
        await pilot.press("escape", "m")
        await shows(pilot, "true down, predicted across", NORM_WORDS["row"])
        await pilot.press("escape", "o")
        await shows(pilot, "1.jpg")
        assert "newest first" not in screen_text(pilot)


async def test_a_problem_is_said_in_the_console(tmp_path: Path, make: Callable[..., RunDir]) -> None:
    run = make(made_runs.finished(), alive=False)
    app = ConsoleApp(tmp_path, run, problem="settings.toml is ignored: [bad]")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await shows(pilot, "settings.toml is ignored: [bad]")


@pytest.mark.parametrize("name", ["dark", "light", "high-contrast", "colour-blind"])
def test_the_command_line_takes_a_theme(name: str) -> None:
    _, bound, _ = make_app().parse_args(["--theme", name], exit_on_error=False, print_error=False)
    assert bound.kwargs["theme"] == name
