"""The real program on a real terminal: start, steer, kill, attach, stop, resume, finish."""

import csv
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.control.commands import Pause
from engine.journal.events import CheckpointSaved, CommandAccepted, RunEnded, RunStarted
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tests.e2e.conftest import end_engine
from tests.e2e.terminal import ESCAPE, EXECUTED, HOME, Terminal, command
from tests.engine.conducting import Watcher
from tests.made_data import TINY
from tests.tui import made_runs

pytestmark = pytest.mark.timeout(180)

Open = Callable[..., Terminal]

PANELS = ("accuracy", "learning rate", "early stop", "confusion", "outlier log")
SETTINGS = (
    *TINY, "data.workers=1", "data.batch_size=4", "train.epochs=60", "schedule.patience=60", "mixup.alpha=0",
)  # fmt: skip


def train(pictures: Path, *more: str) -> list[str]:
    """Return the words of ``vrdl-tui train`` for a run of some minutes, named tiny."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return ["train", str(pictures), "--recipe", "quick", "--name", "tiny", *settings, *more]


def position(state: RunState) -> tuple[int, int]:
    """The epoch under way and the step last told of."""
    return (state.epoch.epoch if state.epoch else 0, state.step.step if state.step else 0)


def goes_on(watcher: Watcher) -> None:
    """Wait until the training is some steps further than it is now."""
    watcher.look()
    epoch, step = position(watcher.state)
    watcher.until(lambda state: position(state) > (epoch, step + 1))


def trains(screen: str) -> bool:
    return "TRAINING" in screen or "VALIDATING" in screen


def whole(columns: int, rows: int) -> Callable[[str], bool]:
    """Say of a screen whether the live view of a training run fills all of it."""

    def fits(screen: str) -> bool:
        lines = screen.split("\n")
        return (
            (len(lines[0]), len(lines)) == (columns, rows)
            and trains(lines[0])
            and "tiny" in lines[0]
            and all(panel in screen for panel in PANELS)
            and "q quit" in lines[-1]
        )

    return fits


def leaves_well(console: Terminal) -> None:
    """See the console end: exit code 0, the terminal as it was, at most a line of words after it."""
    assert console.ended() == 0
    assert console.left_sane()
    assert "\n" not in console.last_words()


def test_a_run_from_its_start_to_its_end(home: Path, pictures: Path, terminal: Open) -> None:
    console = terminal(*train(pictures))
    console.shows("STARTING", "tiny", *PANELS)
    console.shows("importing", "torch and timm")
    run = RunDir(home / "runs" / "tiny")
    watcher = Watcher(run)
    console.until(trains, "training")

    steer_before_the_first_epoch_ends(console, watcher)
    console.press("p")
    console.until(trains, "training after the pause")
    watcher.until(lambda state: state.paused is None)
    export(console, watcher)
    look_around(console)
    for size in ((80, 24), (200, 60), (120, 40)):
        console.resize(*size)
        assert "Traceback" not in console.until(whole(*size), f"the live view at {size}")

    console.kill()
    assert run.is_alive()
    goes_on(watcher)

    console = terminal("attach", "tiny", size=(80, 24))
    console.until(whole(80, 24), "the same run")
    console.press("q")
    console.shows("detach: leave and let it run")
    console.press("d")
    leaves_well(console)
    assert re.fullmatch(
        r"run tiny goes on in epoch \d+ of 60; watch it: vrdl-tui attach tiny", console.last_words()
    )
    assert run.is_alive()

    stop(terminal("attach"), run, watcher)
    resume_detached(home, watcher)
    finish(home, terminal("attach", "tiny"), watcher)
    attached = terminal("attach", "tiny")
    attached.shows("FINISHED", "prediction of 5 images written", *PANELS)
    attached.press("q")
    leaves_well(attached)


def steer_before_the_first_epoch_ends(console: Terminal, watcher: Watcher) -> None:
    """Pause, be refused a prediction, save a checkpoint; the run stays paused."""
    console.press("p")
    console.shows("PAUSED", "pause: paused at epoch 1, step", "p go on")
    watcher.until(lambda state: state.paused)
    paused = watcher.state.paused
    assert paused is not None
    console.press("x")
    console.shows("Enter writes prediction.csv")
    console.press("\r")
    console.shows("prediction refused: no best weights yet")
    assert not watcher.run.prediction.exists()
    console.press("c")
    done = re.compile(rf"checkpoint( saved: |: saved at )epoch 1, step {paused.step}\b")
    console.until(done.search, "the checkpoint")
    watcher.until(lambda state: "last" in state.checkpoints)
    saved = watcher.state.checkpoints["last"]
    assert (saved.epoch, saved.step, saved.reason) == (1, paused.step, "asked for")
    assert (watcher.run.checkpoints / "last" / "model.safetensors").exists()
    assert watcher.state.paused == paused


def export(console: Terminal, watcher: Watcher) -> None:
    watcher.until(lambda state: state.epochs)
    console.press("x")
    console.shows("Enter writes prediction.csv")
    console.press("\r")
    console.shows("prediction written: 5 rows in prediction.csv")
    with watcher.run.prediction.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["image_name", "pred_label"]
    assert [name for name, _ in rows[1:]] == ["0", "1", "2", "3", "4"]
    goes_on(watcher)


def look_around(console: Terminal) -> None:
    """Open and close the log, the help, the commands."""
    console.press("l")
    console.shows("l panels", "checkpoint last saved")
    console.press(HOME)
    console.shows("run started on", "stage: importing (torch and timm)")
    console.press("l")
    console.shows(*PANELS)
    console.press("?")
    console.shows("closing this console, or losing")
    console.press(ESCAPE)
    console.hides("closing this console")
    console.press("\x10")
    console.shows("type to find")
    console.press(ESCAPE)
    console.hides("type to find")


def stop(console: Terminal, run: RunDir, watcher: Watcher) -> None:
    console.until(trains, "the run, attached again")
    console.press("q")
    console.shows("stop now, with a checkpoint")
    console.press("s")
    console.shows("STOPPED", "r resume")
    watcher.until(lambda state: state.ended)
    ended = watcher.events[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.outcome, ended.exit_code) == ("stopped", 0)
    console.press("q")
    leaves_well(console)
    assert re.fullmatch(
        r"run tiny was stopped, best [\d.]+ % in epoch \d+; go on with: vrdl-tui resume tiny",
        console.last_words(),
    )
    assert not run.is_alive()


def resume_detached(home: Path, watcher: Watcher) -> None:
    """Resume at the very step of the checkpoint that the stop has saved."""
    saved = [
        event for event in watcher.events if isinstance(event, CheckpointSaved) and event.which == "last"
    ][-1]
    assert saved.reason == "stopped"
    done = command("resume", "tiny", "--detach", cwd=home, program=EXECUTED)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"run tiny is started \(process \d+\); watch it: vrdl-tui attach tiny\n", done.stdout)
    watcher.until(lambda state: state.ended is None or state.ended.outcome == "failed")
    assert watcher.state.ended is None
    started = [event for event in watcher.events if isinstance(event, RunStarted)]
    assert [event.attempt for event in started] == [1, 2]
    assert (started[1].resumed_epoch, started[1].resumed_step) == (saved.epoch, saved.step)


def finish(home: Path, console: Terminal, watcher: Watcher) -> None:
    """Let the run end with the epoch after the one under way, and see it end on the screen."""
    console.shows("STARTING")
    console.until(trains, "training after the resume")
    watcher.until(lambda state: state.step)
    assert isinstance(watcher.ask(Pause()), CommandAccepted)
    last = position(watcher.state)[0] + 1
    for words in (("set", f"train.epochs={last}"), ("resume",)):
        done = command("send", "tiny", *words, cwd=home)
        assert done.returncode == 0, done.stderr
    console.shows("FINISHED", f"epoch {last}/{last}", "q leave")
    watcher.until(lambda state: state.ended)
    assert [epoch.epoch for epoch in watcher.state.epochs] == list(range(1, last + 1))
    console.press("q")
    leaves_well(console)
    assert re.fullmatch(
        r"run tiny finished, best [\d.]+ % in epoch \d+; its files are in runs/tiny", console.last_words()
    )


def test_a_console_ends_with_its_terminal_and_the_run_goes_on(
    home: Path, pictures: Path, terminal: Open
) -> None:
    console = terminal(*train(pictures))
    console.shows("STARTING", "importing")
    run = RunDir(home / "runs" / "tiny")
    console.hang_up()
    assert console.ended(5) in (-signal.SIGHUP, 128 + signal.SIGHUP)
    assert run.is_alive()

    watcher = Watcher(run)
    watcher.until(lambda state: state.step)
    console = terminal("attach", controlling=False)
    console.until(trains, "training")
    console.hang_up()
    assert console.ended(5) == 128 + signal.SIGHUP
    goes_on(watcher)
    assert run.is_alive()


def test_an_engine_that_died_is_said_to_have_and_resumes(home: Path, pictures: Path, terminal: Open) -> None:
    done = command(*train(pictures, "--detach"), cwd=home)
    assert done.returncode == 0
    assert done.stderr == "found     train 450 images in 3 classes · val 12 · test 5\n"
    run = RunDir(home / "runs" / "tiny")
    watcher = Watcher(run)
    console = terminal("attach")
    console.until(trains, "training")
    console.press("c")
    console.until(re.compile(r"checkpoint( saved: |: saved at )epoch").search, "the checkpoint")
    watcher.until(lambda state: "last" in state.checkpoints)
    goes_on(watcher)

    end_engine(run)
    watcher.look()
    saved = watcher.state.checkpoints["last"]
    console.shows("INTERRUPTED", "the engine is gone without a last word", "r resume")
    console.shows(f"r resumes from the checkpoint at epoch {saved.epoch}, step {saved.step}")

    console.press("r")
    console.until(trains, "training after the resume")
    watcher.until(lambda state: state.started and state.started.attempt == 2 and state.step)
    started = watcher.state.started
    assert started is not None
    assert (started.resumed_epoch, started.resumed_step) == (saved.epoch, saved.step)
    goes_on(watcher)
    console.press("q")
    console.shows("detach: leave and let it run")
    console.press("d")
    leaves_well(console)


def test_the_list_of_runs(home: Path, terminal: Open) -> None:
    for number, (name, events) in enumerate((("older", made_runs.failed()), ("newer", made_runs.finished()))):
        run = made_runs.make_run(home / "runs", name, events)
        os.utime(run.recipe, (made_runs.START + number,) * 2)
    console = terminal()
    listed = console.shows("runs in runs", "newer", "older", "Enter open")
    assert listed.index("newer") < listed.index("older")
    console.press("\r")
    console.shows("EARLY STOP", *PANELS)
    console.press(ESCAPE)
    console.shows("Enter open", "older")
    console.press("j\r")
    console.shows("FAILED", "CUDA out of memory", *PANELS)
    console.press(ESCAPE)
    console.shows("Enter open", "newer")
    console.press("q")
    leaves_well(console)


def test_no_runs_yet(terminal: Open) -> None:
    console = terminal()
    console.shows("no runs in runs yet", "vrdl-tui train DATA")
    console.press("q")
    leaves_well(console)
    assert console.last_words() == ""
