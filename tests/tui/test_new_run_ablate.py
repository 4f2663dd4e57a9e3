"""The ablation of a new run: planned in the dialogue, and trained by the real program, stopped and gone on with."""

import json
import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from watching import screen_text, shows, until

from engine.analysis.ablation import load_plan
from engine.run.directory import RunDir
from tests.cli.calling import call
from tests.made_data import TINY, make_pictures
from tui import ablations
from tui.app import ConsoleApp
from tui.screens.new_run import NewRunScreen
from tui.screens.new_run_ablate import AblateScreen
from tui.widgets.ablation_form import AblationForm, Wanted

SIZE = (120, 40)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path) -> Iterator[None]:
    """A test that fails leaves no engine behind."""
    yield
    for lock in (tmp_path / "runs").glob("**/lock"):
        if RunDir(lock.parent).is_alive():
            os.kill(json.loads(lock.read_bytes())["pid"], signal.SIGKILL)


@pytest.fixture
def app(tmp_path: Path) -> ConsoleApp:
    return ConsoleApp(tmp_path / "runs", None)


async def opened(pilot: Pilot[int], data: Path | None, *settings: str) -> AblateScreen:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    form = NewRunScreen(app.runs, None, app.glyphs)
    form._state.data = data
    for setting in (*TINY, "data.workers=1", *settings):
        form._state.put(*setting.split("=", 1))
    app.push_screen(form)
    await shows(pilot, "ready: r starts it" if data is not None else "pick the data folder first")
    await pilot.press("X")
    await until(pilot, lambda: isinstance(app.screen, AblateScreen))
    screen = app.screen
    assert isinstance(screen, AblateScreen)
    return screen


async def test_the_plan_and_the_command_line_that_does_the_same(
    app: ConsoleApp, pictures: Path, tmp_path: Path
) -> None:
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, pictures)
        await shows(pilot, "12 runs of at most 3 epochs", "e on the form estimates an epoch", "Enter start")
        await pilot.press("space", "down", "down", "down", "left")
        await shows(pilot, "6 runs of at most 3 epochs")
        await pilot.press("down", "backspace", "S")
        await shows(pilot, "ablatioS")
        words = screen.query_one(AblationForm).wanted.command(screen._asked, app.runs)
    assert words[:3] == ["vrdl-tui", "ablate", str(pictures)]
    assert shlex.join(words[words.index("--seeds") :]) == shlex.join(
        ["--seeds", "2", "--only", "augmentation,mixup", "--name", "ablatioS", "--runs", str(app.runs)]
    )
    answer = call(*words[1:], "--dry-run", cwd=tmp_path, CUDA_VISIBLE_DEVICES="")
    assert answer.out.startswith(f"6 runs in {app.runs}/ablatioS, 2 seeds for each arm:\n"), answer
    assert not app.runs.exists()


async def test_with_an_estimate_it_says_how_long(app: ConsoleApp, pictures: Path) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, pictures)
        await pilot.press("escape")
        form = app.screen
        assert isinstance(form, NewRunScreen)
        form._estimate["epoch_s"] = 100.0
        await pilot.press("X")
        await shows(pilot, "one after the other: 1:00:00 at most by", "looking for outliers comes on top")


async def test_what_is_in_the_way_is_said(app: ConsoleApp, pictures: Path) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, None)
        await shows(pilot, "pick the data folder first")
        await pilot.press("enter", "escape", "escape")
        await opened(pilot, pictures)
        await pilot.press("space", "down", "space", "down", "space")
        await shows(pilot, "no experiment is chosen: space turns one on")
        await pilot.press("space", "down", "down", *["backspace"] * len("ablation"), "enter")
        await shows(pilot, "run name ''")
    assert not app.runs.exists()


async def test_it_is_trained_stopped_and_gone_on_with(app: ConsoleApp, pictures: Path) -> None:
    folder = app.runs / "ablation"
    first = RunDir(folder / "baseline-seed0")
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        screen = await opened(pilot, pictures)
        screen.query_one(AblationForm).wanted = Wanted({"mixup"}, 1)
        await pilot.press("enter")
        await shows(pilot, "ablation: 2 runs, one after the other")
        assert RunDir(folder).is_alive()
        # The table of runs says where it is, also of one that another console started.
        await until(pilot, lambda: "ablation: run 1 of 2, baseline-seed0" in screen_text(pilot), 60)
        holder = json.loads((folder / "lock").read_bytes())["pid"]
        assert os.getsid(holder) == holder  # the console may go, and its terminal

        await opened(pilot, None)
        await shows(pilot, "run 1 of 2, baseline-seed0", "it goes on when the console is closed", "S stop it")
        await until(
            pilot, lambda: first.journal.exists() and b"stage_started" in first.journal.read_bytes(), 60
        )
        await pilot.press("S")
        await until(pilot, lambda: not RunDir(folder).is_alive(), 60)
        assert not first.is_alive()
        await shows(pilot, "stands at 0 of 2 runs; interrupted", "g goes on with it as it was planned")

        await pilot.press("g")
        await shows(pilot, "2 of 2 runs to go")
        await until(pilot, lambda: "done; plots (PNG)" in screen_text(pilot), 120)
    assert (folder / "mixup.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "effects.csv").read_text().count("\n") == 2
    assert "one seed: no confidence interval" in (folder / "ablation.log").read_text()


def test_a_second_program_is_kept_off(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "abl"
    command = ["ablate", str(tmp_path / "broken"), "--only", "mixup", "--seeds", "1", "--name", "abl"]
    command += [word for setting in TINY for word in ("--set", setting)]
    folder.mkdir(parents=True)
    assert ablations.go_on(folder) == f"{folder} exists and is not an ablation; choose another --name"
    folder.rmdir()
    assert ablations.stop(folder) == "ablation abl is not under way"
    broken = tmp_path / "broken"
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"):
        (broken / name).parent.mkdir(parents=True, exist_ok=True)
        (broken / name).write_bytes(b"no image")
    assert call(*command, cwd=tmp_path).code == 1
    standing = ablations.AblationReader(folder).read()
    assert standing is not None
    assert (standing.alive, standing.finished, standing.planned, standing.done) == (False, 0, 2, False)
    plan = load_plan(folder)
    assert plan is not None
    lock = RunDir(folder).lock()
    try:
        assert "is already running" in ablations.start(folder, plan)
        os.ftruncate(lock.fd, 0)
        assert "only just starting" in ablations.stop(folder)
        os.pwrite(lock.fd, json.dumps({"host": "elsewhere", "pid": 1}).encode(), 0)
        assert "is under way on elsewhere: stop its run (S)" in ablations.stop(folder)
        answer = call(*command, cwd=tmp_path)
        assert (answer.code, "is already running" in answer.err) == (2, True)
    finally:
        lock.release()
    assert ablations.find_ablations(folder.parent) == [folder]
