"""The person's own command at a run's end: the engine starts it where no console has taken that on."""

import stat
import sys
import time
from pathlib import Path

import pytest

from engine.control.commands import Stop
from engine.run.directory import RunDir
from engine.run.notify import Attendance, settings_path
from tests.engine.conducting import Watcher, play
from tests.made_data import make_run


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Where the command, which is set up here, writes what it is told."""
    out, command = tmp_path / "told", tmp_path / "tell"
    command.write_text(
        f"#!{sys.executable}\nimport os\n"
        f"with open({str(out)!r}, 'a') as file:\n"
        "    print(*(os.environ['VRDL_' + name] for name in ('RUN', 'OUTCOME', 'REASON')), sep='|', file=file)\n"
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    set_up(str(command))
    return out


def set_up(command: str) -> None:
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_text(f'[notify]\ncommand = ["{command}"]\n')


@pytest.fixture
def run(pictures: Path, runs: Path) -> RunDir:
    return make_run(runs, pictures, "train.epochs=1")


def test_no_console_is_open(run: RunDir, told: Path) -> None:
    assert play(run).code == 0
    assert told.read_text() == "run|finished|\n"


def test_a_failed_run_says_why(run: RunDir, told: Path) -> None:
    run.recipe.write_text("[model]\nname = 3\n")
    assert play(run).code == 1
    assert told.read_text().startswith("run|failed|the run's own recipe can't be used")


def test_a_stopped_run_is_told_of_once_for_each_attempt(pictures: Path, runs: Path, told: Path) -> None:
    run = make_run(runs, pictures, "train.epochs=200", "schedule.patience=1000")

    def stop(watcher: Watcher) -> None:
        seen = len(told.read_text().splitlines()) if told.exists() else 0
        watcher.until(lambda state: state.started and state.started.attempt > seen and state.step)
        watcher.ask(Stop())

    for _ in range(2):
        play(run, stop)
    assert [line.split("|")[1] for line in told.read_text().splitlines()] == ["stopped", "stopped"]


def test_a_console_has_taken_it_on(run: RunDir, told: Path) -> None:
    attendance = Attendance.take(run)
    assert attendance is not None
    assert play(run).code == 0
    assert not told.exists()
    attendance.release()


def test_a_command_that_is_missing_is_a_line_in_the_engines_log(
    run: RunDir, told: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    set_up(str(told))
    assert play(run).code == 0
    assert f"notify.command {told} can't be started: No such file or directory" in capfd.readouterr().err


def test_a_slow_command_does_not_hold_up_the_end_for_long(
    run: RunDir, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.training.session._NOTICE", 0.3)
    slow = told.with_name("slow")
    slow.write_text(
        f"#!{sys.executable}\nimport time\ntime.sleep(2)\nopen({str(told)!r}, 'w').write('late')\n"
    )
    slow.chmod(0o755)
    set_up(str(slow))
    assert play(run).code == 0
    ended = time.monotonic()
    assert not told.exists()
    while not told.exists():
        assert time.monotonic() - ended < 20, "left to itself it goes on"
        time.sleep(0.05)


def test_damaged_settings_are_no_matter_to_the_run(run: RunDir, told: Path) -> None:
    settings_path().write_text("[notify\n")
    assert play(run).code == 0
    assert not told.exists()
