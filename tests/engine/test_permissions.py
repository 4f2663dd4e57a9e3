"""Who may read a run, and who may command it: its owner, unless the recipe shares it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.control.commands import Checkpoint, Stop, send
from engine.journal.events import CommandAccepted, RunWarning
from engine.run.directory import RunDir
from tests.engine.conducting import Watcher, play
from tests.made_data import make_run

_NOBODY = 65534


@pytest.fixture
def careless_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(run: RunDir) -> dict[str, int]:
    """Return the permissions of the run's folder and of all that is in it, by path."""
    found = [run.path, *run.path.rglob("*")]
    return {path.relative_to(run.path).as_posix(): stat.S_IMODE(path.lstat().st_mode) for path in found}


@pytest.mark.usefixtures("careless_umask")
def test_a_run_is_its_owners_alone(pictures: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path, pictures, "train.epochs=1")
    assert play(run).code == 0
    found = modes(run)
    expected = {"recipe.toml", "events.jsonl", "train.log", "lock", "validation.csv", "prediction.csv"}
    assert expected <= found.keys()
    assert found["."] == 0o700
    assert "checkpoints/last/model.safetensors" in found
    assert {path: oct(mode) for path, mode in found.items() if mode & 0o077} == {}


@pytest.mark.usefixtures("careless_umask")
def test_a_run_that_the_recipe_shares_with_the_group(pictures: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path, pictures, "train.epochs=1", "train.share=group")
    assert play(run).code == 0
    found = modes(run)
    assert found["."] == 0o750
    assert found["checkpoints"] == found["checkpoints/best"] == 0o750
    assert found["events.jsonl"] & 0o077 == found["checkpoints/best/model.safetensors"] & 0o077 == 0o040
    # To read is one thing, to steer another.
    assert found["commands"] == 0o700
    assert {path: oct(mode) for path, mode in found.items() if mode & 0o027} == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_stop_of_another_user_is_refused_and_said_so(pictures: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path, pictures, "train.epochs=2")

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch)
        # Made elsewhere and renamed into place, so that the engine never sees it as this user's.
        (tmp_path / "elsewhere").mkdir()
        send(tmp_path / "elsewhere", Stop())
        (foreign,) = (tmp_path / "elsewhere").iterdir()
        os.chown(foreign, _NOBODY, -1)
        foreign.rename(run.commands / "0.json")
        (run.commands / "1.json").symlink_to(run.recipe)
        (run.commands / "2.json").mkdir()
        watcher.until(lambda state: len(state.warnings) >= 3)
        assert isinstance(watcher.ask(Checkpoint()), CommandAccepted)

    played = play(run, script)
    assert played.code == 0
    assert played.state.ended is not None
    assert played.state.ended.outcome == "finished"
    warnings = [event.message for event in played.events if isinstance(event, RunWarning)]
    # A busy machine adds one on the pace of the images.
    assert [message for message in warnings if message.startswith("commands/")] == [
        "commands/0.json was refused: it belongs to nobody, not to the user who trains",
        "commands/1.json was refused: it is a link",
        "commands/2.json was refused: it is not a regular file",
    ]
    assert [path.name for path in run.commands.iterdir()] == ["2.json"]


def test_every_command_is_journalled_with_who_where_and_when(pictures: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path, pictures, "train.epochs=2")

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch)
        watcher.ask(Checkpoint())

    played = play(run, script)
    (answer,) = played.state.answers
    user, _, host = answer.by.partition("@")
    assert user
    assert host == os.uname().nodename
    assert answer.pid == os.getpid()
    assert 0 < answer.sent <= answer.t
