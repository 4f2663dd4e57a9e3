"""The new run's form: what it asks for, what it says is wrong, what it starts, on real folders with real helpers."""

import json
import os
import shlex
import signal
import threading
from pathlib import Path

import pytest
from textual.pilot import Pilot
from watching import screen_text, shows, until

from engine.recipe.recipe import load_recipe, recipe_keys
from engine.run.directory import RunDir, find_runs
from tests.made_data import TINY, make_pictures
from tui.app import ConsoleApp
from tui.screens.live import LiveScreen
from tui.screens.new_run import NewRunScreen
from tui.screens.new_run_checks import cloned
from tui.screens.new_run_data import DataScreen
from tui.widgets.form_fields import form_fields
from tui.widgets.form_folders import Glance, Glances
from tui.widgets.form_list import FormList
from tui.widgets.form_state import FormState
from tui.widgets.form_words import command_rows
from tui.widgets.look import UNICODE

SIZE = (120, 40)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset that is taken at first is the same on every machine; so are pictures."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)


@pytest.fixture
def app(tmp_path: Path) -> ConsoleApp:
    return ConsoleApp(tmp_path / "runs", None)


def a_run(runs: Path, data: Path, *settings: str) -> RunDir:
    base = {"data": {"train": f"{data}/train", "val": f"{data}/val", "test": f"{data}/test"}}
    recipe = load_recipe("quick", [*TINY, *settings], base=base)
    return RunDir.create(runs, "first", recipe.model.name, recipe.to_toml())


async def opened(pilot: Pilot[int], base: RunDir | None = None) -> NewRunScreen:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    screen = NewRunScreen(app.runs, base, app.glyphs)
    app.push_screen(screen)
    await shows(pilot, "new run", "what it is")
    return screen


def put_cursor(screen: NewRunScreen, key: str) -> None:
    screen.query_one(FormList).put_cursor(key)


def test_the_form_is_the_schema() -> None:
    fields = form_fields()
    assert list(fields) == recipe_keys()
    assert all(field.meaning for field in fields.values() if field.key != "model.pretrained")
    assert fields["data.batch_size"].span == "a whole number, from 1 to 65,536"
    assert fields["outliers.size"].span == "a whole number, from 16 to 1,024, a multiple of 4"
    assert fields["optim.lr"].span == "a number, above 0 to 10"
    assert fields["schedule.factor"].span == "a number, above 0 below 1"
    assert fields["augment.crop_scale"].span == "two numbers, each from 0 to 1: [least, greatest]"
    assert fields["optim.amp"].choices == ("auto", "off", "fp16", "bf16")
    assert fields["train.predict"].kind == "flag"


def test_the_command_line_makes_the_same_recipe(pictures: Path) -> None:
    state = FormState("quick", pictures)
    for key, text in [
        ("augment.crop_scale", "[0.3, 0.9]"),
        ("train.epochs", "3"),
        ("model.name", "resnet18"),
    ]:
        state.put(key, text)
    state.put("train.seed", "0")
    words = shlex.split(shlex.join(state.command(Path("elsewhere"))))
    assert words[:5] == ["vrdl-tui", "train", str(pictures), "--recipe", "quick"]
    assert words[-2:] == ["--runs", "elsewhere"]
    settings = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    assert settings == ["augment.crop_scale=[0.3, 0.9]", "model.name=resnet18", "train.epochs=3"]
    assert load_recipe("quick", settings) == state.recipe


def test_a_wrong_value_stays_until_it_is_mended() -> None:
    state = FormState("quick", None)
    state.put("train.epochs", "none")
    assert "valid integer" in state.wrong["train.epochs"]
    assert state.text("train.epochs") == "none"
    assert state.recipe.train.epochs == 8
    state.put("train.epochs", "9")
    assert not state.wrong
    state.undo("train.epochs")
    assert state.changed == {}


def test_keys_that_are_only_right_together() -> None:
    state = FormState("quick", None)
    state.put("model.pretrained", "false")
    state.put("outliers.method", "embedding")
    assert "needs a pretrained model" in state.wrong["outliers.method"]
    state.put("model.pretrained", "true")
    assert not state.wrong
    assert state.recipe.outliers.method == "embedding"


def test_a_clone_has_the_run_s_recipe_and_data(tmp_path: Path, pictures: Path) -> None:
    run = a_run(tmp_path / "runs", pictures)
    state = cloned(run)
    assert state.data == pictures
    assert state.changed == {}
    assert state.recipe.model.name == "test_efficientnet"
    odd = RunDir.create(
        tmp_path / "runs", "odd", "m", run.recipe.read_text().replace(f"{pictures}/val", "/other")
    )
    assert cloned(odd).changed == {"data.val": "/other"}
    assert "data.val=/other" in cloned(odd).command(Path("runs"))


async def test_what_is_wrong_is_said_at_once(app: ConsoleApp, tmp_path: Path, pictures: Path) -> None:
    run = a_run(tmp_path / "runs", pictures)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, run)
        await shows(pilot, "ready: r starts it", "3 classes, 27 train, 12 val, 5 test")
        put_cursor(screen, "train.epochs")
        await pilot.press("enter")
        await shows(pilot, "at most this many epochs", "a whole number, from 1 to 100,000")
        await pilot.press("backspace", "0")
        await shows(pilot, "greater than or equal to 1")
        await pilot.press("enter")
        await shows(pilot, "greater than or equal to 1")
        await pilot.press("backspace", "4", "enter")
        await shows(pilot, "preset: 3", "train.epochs=4", "1 changed", "ready")
        await pilot.press("u")
        await shows(pilot, "as the preset has it", "ready")
        put_cursor(screen, "model.name")
        screen._put("model.name", "resnet19")
        await shows(pilot, "did you mean resnet1")


async def test_choices_turn_and_only_changes_are_listed(app: ConsoleApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await pilot.press("f")
        await shows(pilot, "nothing differs from the preset")
        await pilot.press("f")
        put_cursor(screen, "schedule.kind")
        await pilot.press("right")
        await shows(pilot, "plateau", "--set schedule.kind=plateau")
        await pilot.press("left", "left")
        await shows(pilot, "--set schedule.kind=cosine")
        put_cursor(screen, "augment.enabled")
        await pilot.press("enter")
        await shows(pilot, "--set augment.enabled=false", "2 changed")
        await pilot.press("f")
        await until(pilot, lambda: "batch_size" not in screen_text(pilot))
        assert "kind" in screen_text(pilot)


async def test_the_data_folder_is_picked_from_a_tree(
    app: ConsoleApp, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await shows(pilot, "pick the data folder first")
        await pilot.press("r")
        await shows(pilot, "pick the data folder first")
        await pilot.press("home", "enter")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))
        await shows(pilot, "+ pictures", "the classes are in")
        await pilot.press("down")
        await shows(pilot, "3 classes, 27 train, 12 val, 5 test", "blue", "▀▀▀")
        await pilot.press("right")
        await shows(pilot, "+ train", "+ test")
        await pilot.press("left", "enter")
        await shows(pilot, "3 classes, 27 train, 12 val, 5 test", "ready: r starts it")


async def test_the_recipe_is_picked(app: ConsoleApp, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[train]\nepochs = 77\n")
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        put_cursor(screen, "recipe")
        await pilot.press("enter")
        await shows(pilot, "91.00 % on its 300 validation")
        await pilot.press("down", "down", "enter")
        await shows(pilot, "--recipe report", "seresnet152d.ra2_in1k")
        await pilot.press("enter", "f")
        await shows(pilot, "A recipe file")
        await pilot.press(*"nowhere", "enter")
        await shows(pilot, "no recipe named nowhere")
        for _ in "nowhere":
            await pilot.press("backspace")
        await pilot.press(*str(tmp_path / "own.toml"), "enter")
        await until(pilot, lambda: screen._state.recipe.train.epochs == 77)


async def test_a_batch_is_shown_as_training_sees_it(app: ConsoleApp, tmp_path: Path, pictures: Path) -> None:
    run = a_run(tmp_path / "runs", pictures, "mixup.alpha=0.5")
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, run)
        await shows(pilot, "ready")
        await pilot.press("v")
        await shows(pilot, "epoch 1", "mixed (mixup.alpha 0.5)", "▀▀▀", "%")
        await until(pilot, lambda: "reading" not in screen_text(pilot) and "making" not in screen_text(pilot))
        await pilot.press("n")
        await shows(pilot, "epoch 2", "▀▀▀")
        await pilot.press("escape")
        await shows(pilot, "ready")


async def test_an_estimate_from_real_steps(app: ConsoleApp, tmp_path: Path, pictures: Path) -> None:
    run = a_run(tmp_path / "runs", pictures)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, run)
        await shows(pilot, "ready")
        await pilot.press("e")
        await shows(pilot, "measuring", "e cancel")
        await pilot.press("e")
        await shows(pilot, "the estimate was cancelled", "e estimate")
        await pilot.press("e")
        await until(
            pilot, lambda: "an epoch" in screen_text(pilot) and "e estimate" in screen_text(pilot), 100
        )
        await shows(pilot, "million parameters on cpu", "4 steps of", "of memory")
    assert [one.name for one in find_runs(tmp_path / "runs")] == ["first"]


async def test_it_starts_the_run_and_goes_to_its_live_view(
    app: ConsoleApp, tmp_path: Path, pictures: Path
) -> None:
    a_run(tmp_path / "runs", pictures)
    async with app.run_test(size=SIZE) as pilot:
        await shows(pilot, "first")
        await pilot.press("A")
        await shows(pilot, "new run as first", "ready")
        assert isinstance(app.screen, NewRunScreen)
        app.screen._state.name = "second"
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, LiveScreen))
        run = RunDir(tmp_path / "runs/second")
        try:
            assert run.is_alive()
            assert run.recipe.read_text() == RunDir(tmp_path / "runs/first").recipe.read_text()
            await shows(pilot, "second")
        finally:
            await until(pilot, lambda: (run.path / "lock").read_bytes(), 30)
            os.kill(json.loads((run.path / "lock").read_bytes())["pid"], signal.SIGKILL)


async def test_deleting_images_asks_for_the_word(app: ConsoleApp, tmp_path: Path, pictures: Path) -> None:
    run = a_run(tmp_path / "runs", pictures, "outliers.method=autoencoder", "outliers.action=delete")
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, run)
        await shows(pilot, "ready")
        await pilot.press("r")
        await shows(pilot, "delete images?", "Type delete")
        await pilot.press(*"delet", "enter")
        await shows(pilot, "type delete, or esc to go back")
        await pilot.press("escape")
        await shows(pilot, "not confirmed; nothing was started")
    assert [one.name for one in find_runs(tmp_path / "runs")] == ["first"]


def test_a_long_command_can_be_copied_from_the_screen_too(pictures: Path) -> None:
    state = FormState("quick", pictures / ("long" * 20))
    state.put("augment.crop_scale", "[0.3, 0.9]")
    rows = [row.plain for row in command_rows(state.command(Path("runs")), 40, 20, UNICODE)]
    assert max(map(len, rows)) <= 40
    assert shlex.split("\n".join(rows).replace("\\\n", "")) == state.command(Path("runs"))
    short = [row.plain for row in command_rows(state.command(Path("runs")), 40, 2, UNICODE)]
    assert short[-1].endswith("y copies all of it")


async def test_a_home_of_nobody_is_refused_while_it_is_typed(app: ConsoleApp, pictures: Path) -> None:
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        put_cursor(screen, "recipe")
        await pilot.press("enter")
        await shows(pilot, "91.00 % on its 300 validation")
        await pilot.press("f")
        await shows(pilot, "A recipe file")
        await pilot.press(*"~q")
        await shows(pilot, "there is no user q")
        await pilot.press("escape")
        await shows(pilot, "what it is")
        await pilot.press("home", "enter")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))
        await pilot.press("slash", "home", "~", "q")
        await shows(pilot, "there is no user q")
        await pilot.press("enter")
        await shows(pilot, "there is no user q")
        await pilot.press("escape", "escape")
        await shows(pilot, "pick the data folder first")
        put_cursor(screen, "data.test")
        await pilot.press("enter", *"~q/x", "enter")
        await shows(pilot, "1 changed")
        screen._data_picked(pictures)
        screen._put("data.test", "~q/x")
        await shows(pilot, "~q/x: there is no user q")


def a_circle(place: Path) -> Path:
    """A folder that nobody can list, root neither."""
    place.symlink_to(place.name)
    return place


def test_folders_are_looked_at_after_one_that_cant_be_read(tmp_path: Path, pictures: Path) -> None:
    heard = threading.Semaphore(0)
    glances = Glances(heard.release)
    try:
        for folder in (a_circle(tmp_path / "circle"), pictures):
            glances.want([folder])
            assert heard.acquire(timeout=10)
        assert glances.get(tmp_path / "circle") == Glance(
            {}, problem="it can't be read: Too many levels of symbolic links"
        )
        known = glances.get(pictures)
        assert known is not None
        assert known.words() == "3 classes, 27 train, 12 val, 5 test"
    finally:
        glances.stop()


async def test_a_data_folder_that_cant_be_read_is_said(app: ConsoleApp, tmp_path: Path) -> None:
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        screen._data_picked(a_circle(tmp_path / "circle"))
        await shows(pilot, "it can't be read: Too many levels")
