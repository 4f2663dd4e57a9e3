"""The predictions: the dialogue, the process beside, the table."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_judged
import made_runs
import pytest
from textual.pilot import Pilot
from watching import PlayedEngine, screen_text, shows, until

from engine.analysis.predictions import beside, write_probabilities
from engine.control.commands import Predict
from engine.run.directory import RunDir
from tests.made_data import make_pictures
from tests.made_data import make_run as prepare
from tests.waiting import until as wait_until
from tui import helper
from tui.app import ConsoleApp
from tui.helper import run_helper
from tui.widgets.prediction_form import Filled, PredictionForm
from tui.widgets.prediction_job import PredictionJob, Wish
from tui.widgets.prediction_rows import Rows

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
SIZE = (120, 40)


@pytest.fixture(autouse=True)
def _half_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever terminal the tests run in."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)


async def opened(pilot: Pilot[int], key: str, *texts: str) -> None:
    await shows(pilot, "^p commands")
    await pilot.press(key)
    await shows(pilot, *texts)


async def test_the_first_choice_asks_the_engine(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "x", "writes prediction.csv from the best weights so far")
        await pilot.press("escape")
        await shows(pilot, "p pause")
        assert engine.nothing_asked()
        await pilot.press("x", "enter")
        command = await engine.next_command(pilot)
        assert isinstance(command, Predict)
        engine.accepts(command, "predicting with the best weights so far")
        await shows(pilot, "prediction: predicting with the best weights so far")


async def test_the_form(make: Make, console: Console, tmp_path: Path) -> None:
    run = make(made_runs.finished(), alive=False)
    for name, events in (("same", made_runs.finished()), ("other", made_judged.events())):
        (make(events, alive=False, name=name).checkpoints / "best").mkdir()
    async with console(run).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "x", "[ ] same", "none yet: type one")
        assert "other" not in screen_text(pilot)
        await pilot.press("enter")
        await shows(pilot, "the run's recipe has no test folder")
        await pilot.press("space", "down", "right", "down", "space", "down", "space")
        await shows(pilot, "the mean of 2 runs", "last", "[x] same", "prediction_mean.csv")
        await pilot.press("down", *"/nowhere", "enter")
        await shows(pilot, "no such folder: /nowhere")
        form = pilot.app.screen.query_one(PredictionForm)
        form.filled.typed_folder = str(tmp_path)
        wish = form.filled.wish(form.peers)
        assert [one.name for one in wish.runs] == [run.name, "same"]
        assert (wish.which, wish.mirrored, wish.probabilities) == ("last", True, True)
        assert wish.out == run.path / "prediction_mean.csv"
        (run.path / "engine.log").touch()
        await pilot.press("down", *["backspace"] * 19, *"engine.log", "enter")
        await shows(pilot, "engine.log exists already")


async def test_a_home_of_nobody_is_refused(make: Make, console: Console) -> None:
    run = make(made_runs.finished(), alive=False)
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "x", "no other run here", "none yet: type one")
        await pilot.press("down", "down", "down", "down", *"~q", "enter")
        await shows(pilot, "~q: there is no user q")


async def test_what_is_near_cant_be_listed(make: Make, console: Console) -> None:
    run = make(made_runs.finished(), alive=False)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "^p commands")
        runs = run.path.parent
        runs.rename(runs.with_name("away"))
        runs.symlink_to("runs")
        await pilot.press("x")
        await shows(pilot, "no other run here", "none yet: type one")


def test_no_other_file_is_overwritten(make: Make) -> None:
    run = make(made_runs.finished(), alive=False)
    assert Filled(run).plain
    assert not Filled(run, mirrored=True).plain
    (run.path / "prediction_mean.csv").touch()
    assert Filled(run, others={run}).file == "prediction_mean-2.csv"


async def test_the_table(make: Make, console: Console, tmp_path: Path) -> None:
    run = make(made_runs.finished(), alive=False)
    made_judged.predict(run, tmp_path / "test")
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "v", "12 images", "least certain first", "40.0 %", "▀▀▀", "1 of 12")
        await shows(pilot, "bird", "cat", "30.0 %")
        await pilot.press("s")
        await shows(pilot, "most certain first", "95.0 %")
        await pilot.press("s", "s")
        await shows(pilot, "by class")
        await pilot.press("slash", *"class:cat p<70")
        await shows(pilot, "of 12 images")
        assert 0 < pilot.app.screen.query_one("#images", Rows).count < 4
        await pilot.press(*" zzz")
        await shows(pilot, "no image passes the filter")
        await pilot.press("escape")
        await shows(pilot, "1 of 12")
        await pilot.press("escape")
        await shows(pilot, "b runs")


async def test_without_probabilities(make: Make, console: Console, tmp_path: Path) -> None:
    run = make(made_runs.finished(), alive=False)
    made_judged.predict(run, tmp_path / "test", known=False)
    (tmp_path / "test" / "0003.png").unlink()
    async with console(run).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "v", "by name", "no probabilities yet: x writes them", "0011")
        await pilot.press("down", "down", "down")
        await shows(pilot, "no picture: no file of that name")
        await pilot.press("x")
        await shows(pilot, "writes prediction.csv from the best weights")


async def test_no_prediction(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "v", "no prediction yet", "x predicts the test images")
        await pilot.press("s", "slash", "c", "down")
        await shows(pilot, "no prediction is under way")


async def test_fifty_thousand_images(make: Make, console: Console) -> None:
    run = make(made_runs.finished(), alive=False)
    rows = [
        (f"image{number:06d}", "cat", (0.5 + number % 997 / 2000, 0.5 - number % 997 / 2000))
        for number in range(50_000)
    ]
    run.prediction.write_text("image_name,pred_label\n" + "".join(f"{name},cat\n" for name, *_ in rows))
    write_probabilities(beside(run.prediction), rows, ["cat", "dog"])
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "v", "50,000 images", "1 of 50,000")
        images = pilot.app.screen.query_one("#images", Rows)
        started = time.perf_counter()
        for _ in range(40):
            images.move(1)
            await asyncio.sleep(0)
        # Some ten times what it takes: a benchmark measures, a test catches what grows with the list.
        assert (time.perf_counter() - started) / 40 < 0.1
        await pilot.press("end")
        await shows(pilot, "50,000 of 50,000")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A real run of one epoch, its engine gone."""
    place = tmp_path_factory.mktemp("trained")
    run = prepare(place / "runs", make_pictures(place / "data"), "train.epochs=1")
    run_helper("engine", [str(run.path)], lambda _fact: None)
    return run


async def test_a_prediction_in_a_process_of_its_own(trained: RunDir) -> None:
    app = ConsoleApp(trained.path.parent, trained)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, "x", "writes prediction.csv")
        await pilot.press("down", "down", "space", "enter")
        await shows(pilot, "predicting with 1 run", "c cancel")
        await until(pilot, lambda: "prediction written: 5 rows" in screen_text(pilot), 60)
        await shows(pilot, "least certain first", "1 of 5", "▀▀▀")
    assert beside(trained.prediction).exists()


async def test_a_second_prediction_waits_for_the_first(
    trained: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen, processes = helper.subprocess.Popen, []

    def stopped(*args: Any, **named: Any) -> Any:
        process = popen(*args, **named)
        process.send_signal(signal.SIGSTOP)  # it is under way as long as the test looks at it
        processes.append(process)
        return process

    monkeypatch.setattr(helper.subprocess, "Popen", stopped)
    app = ConsoleApp(trained.path.parent, trained)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, "x", "writes prediction.csv")
        await pilot.press("down", "space", "enter")
        await shows(pilot, "predicting with 1 run", "c cancel")
        await pilot.press("escape")
        await shows(pilot, "b runs")
        await pilot.press("x")
        await shows(pilot, "predicting with 1 run", "c cancel")
        (job,) = [one for one in threading.enumerate() if one.name == "prediction"]
        await until(pilot, lambda: processes, 60)
        await pilot.press("c")
        processes[0].send_signal(signal.SIGCONT)  # at its next word
        await until(pilot, lambda: "cancelled, nothing was written" in screen_text(pilot), 60)
        await pilot.press("x")
        await shows(pilot, "writes prediction.csv from the best weights")
        job.join(10)
        assert not job.is_alive()


async def test_after_a_job_that_wrote_nothing_the_run_s_own_prediction_is_shown(
    make: Make, console: Console, tmp_path: Path
) -> None:
    run = make(made_runs.finished(), alive=False)
    made_judged.predict(run, tmp_path / "test")
    async with console(run).run_test(size=SIZE) as pilot:
        await opened(pilot, "x", "no other run here")
        await pilot.press("down", "space", "up", "up", *"2", "enter")
        await until(pilot, lambda: "has no best checkpoint" in screen_text(pilot), 60)
        await shows(pilot, "12 images", "1 of 12")
        await pilot.press("escape")
        await shows(pilot, "b runs")
        await pilot.press("v")
        await shows(pilot, "12 images", "1 of 12")
        assert "no best checkpoint" not in screen_text(pilot)


@pytest.mark.parametrize(("state", "code"), [("finished", 0), ("failed", 1)])
async def test_leaving_tells_how_the_run_ended(make: Make, console: Console, state: str, code: int) -> None:
    app = console(make(made_runs.STATES[state](), alive=False))
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, "v", "no prediction yet")
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == code


def test_cancelling(trained: RunDir) -> None:
    out = trained.path / "cancelled.csv"
    news = threading.Event()
    job = PredictionJob(Wish([trained], "best", False, None, out, False), news.set)
    job.start()
    assert news.wait(60)
    job.cancel()
    wait_until(lambda: job.ended, 10)
    assert job.problem == "cancelled, nothing was written"
    assert not out.exists()
