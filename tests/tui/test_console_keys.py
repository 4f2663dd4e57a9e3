"""Every key of the live view: at once a word on the screen, then the engine's own."""

import os
import threading
from collections.abc import Callable

import made_runs
import pytest
from watching import PlayedEngine, screen_text, shows, until

from engine.control.commands import Checkpoint, Pause, Predict, Resume, Stop
from engine.journal.events import Paused, PredictionProgress, PredictionWritten, Resumed
from engine.run.directory import RunDir
from tui.app import ConsoleApp

Make = Callable[..., RunDir]


Console = Callable[..., ConsoleApp]


SIZE = (80, 24)


async def test_pause_and_go_on(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING", "p pause")
        await pilot.press("p")
        assert "pause requested" in screen_text(pilot)
        command = await engine.next_command(pilot)
        assert isinstance(command, Pause)
        engine.accepts(command)
        engine.says(Paused(epoch=15, step=41))
        await shows(pilot, "PAUSED", "pause: done", "p go on")
        await pilot.press("p")
        command = await engine.next_command(pilot)
        assert isinstance(command, Resume)
        engine.accepts(command, "going on")
        engine.says(Resumed(epoch=15, step=41, paused_for=2.0))
        await shows(pilot, "TRAINING", "resume: going on", "p pause")


async def test_a_stalling_disk_holds_no_key_up(
    make: Make, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    goes_on, fsync = threading.Event(), os.fsync

    def stalls(fd: int) -> None:
        assert threading.current_thread() is not threading.main_thread()
        assert goes_on.wait(20)
        fsync(fd)

    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        monkeypatch.setattr(os, "fsync", stalls)
        await pilot.press("p")
        assert "pause requested" in screen_text(pilot)
        await pilot.press("c")
        assert "checkpoint requested" in screen_text(pilot)
        await pilot.press("x", "enter")
        await shows(pilot, "prediction requested")
        await pilot.press("q")
        await shows(pilot, "stop after this epoch")
        await pilot.press("e")
        await shows(pilot, "stop after this epoch requested")
        assert engine.nothing_asked()
        goes_on.set()
        asked = [await engine.next_command(pilot) for _ in range(4)]
        assert [type(command) for command in asked] == [Pause, Checkpoint, Predict, Stop]
        for command in asked:
            engine.accepts(command)
        await shows(pilot, "stop after this epoch: done")


async def test_checkpoint(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("c")
        assert "checkpoint requested" in screen_text(pilot)
        command = await engine.next_command(pilot)
        assert isinstance(command, Checkpoint)
        engine.accepts(command, "saved at epoch 15, step 44")
        await shows(pilot, "checkpoint: saved at epoch 15, step 44")


async def test_a_refusal_says_why(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("x", "enter")
        command = await engine.next_command(pilot)
        engine.refuses(command, "there is no test set: data.test is empty")
        await shows(pilot, "prediction refused: there is no test set: data.test is empty")


async def test_prediction(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("x")
        await shows(pilot, "Enter writes prediction.csv from the best weights so far")
        await pilot.press("enter")
        await shows(pilot, "prediction requested")
        command = await engine.next_command(pilot)
        assert isinstance(command, Predict)
        engine.accepts(command, "from the best weights, epoch 13")
        engine.says(PredictionProgress(done=40, total=120))
        await shows(pilot, "PREDICTING", "predict  40/120", "from the best weights, epoch 13")
        engine.says(PredictionWritten(path=str(run.prediction), rows=120, epoch=13))
        await shows(pilot, "TRAINING", "prediction written: 120 rows")


async def test_no_answer_is_said_to_be_none(make: Make, console: Console) -> None:
    now = [made_runs.START + 500]
    run = make(made_runs.live(), alive=True)
    async with console(run, clock=lambda: now[0]).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("c")
        now[0] += 11
        await shows(pilot, "checkpoint: no answer yet, asked 11 s ago")


@pytest.mark.parametrize(("key", "word"), [("p", "pause"), ("c", "checkpoint")])
async def test_without_an_engine_nothing_is_sent(make: Make, console: Console, key: str, word: str) -> None:
    run = make(made_runs.live(), alive=False)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "INTERRUPTED")
        await pilot.press(key)
        await shows(pilot, f"{word}: no engine is running; r resumes the run")
        assert engine.nothing_asked()


async def test_x_without_an_engine_predicts_all_the_same(make: Make, console: Console) -> None:
    run = make(made_runs.finished(), alive=False, name="done")
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "EARLY STOP")
        await pilot.press("x")
        await shows(pilot, "weights", "mirror images", "esc leaves")


async def test_an_unwritable_spool_is_said(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    run.commands.rmdir()
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("c")
        await shows(pilot, "checkpoint: the command can't be written: No such file or directory")


async def test_the_answer_to_another_console_is_in_the_log(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("l")
        await shows(
            pilot, "warning: the disk has 3.1 GB left", "Epoch 14/30 | Train Acc: 53.37% | Val Acc: 86.08%"
        )
        engine.accepts(Checkpoint(id="other", by="ann@login1"))
        await shows(pilot, "checkpoint by ann@login1 accepted")
        await pilot.press("home")
        await shows(pilot, "run started on node7, process 4711", " below")
        await pilot.press("escape")
        text = await shows(pilot, "confusion")
        assert "run started" not in text


async def test_help(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("question_mark")
        await shows(pilot, "pause between two steps", "vrdl-tui attach opens it again")
        await pilot.press("escape")
        await until(pilot, lambda: "pause between" not in screen_text(pilot))


async def test_command_palette(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=SIZE) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("ctrl+p")
        await shows(pilot, "save a checkpoint now", "export the test-set prediction", "stop after this epoch")
        await pilot.press(*"exporx", "backspace", "t")
        await until(pilot, lambda: "save a checkpoint" not in screen_text(pilot))
        await pilot.press("enter")
        await shows(pilot, "Enter writes prediction.csv")
        await pilot.press("enter")
        assert isinstance(await engine.next_command(pilot), Predict)
        await pilot.press("ctrl+p")
        await pilot.press(*"after", "enter")
        command = await engine.next_command(pilot)
        assert isinstance(command, Stop)
        assert command.after_epoch
