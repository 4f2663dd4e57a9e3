"""The spool: commands in the order of sending, and what is no command is told apart."""

import os
from pathlib import Path

import pytest

from engine import commands
from engine.commands import Spool, command_name, send


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_commands_come_in_the_order_of_sending(folder: Path) -> None:
    sent = [
        send(folder, command)
        for command in (
            commands.Pause(),
            commands.Set(key="optim.lr", value="1"),
            commands.Stop(after_epoch=True),
            commands.Resume(),
            commands.Checkpoint(),
            commands.Predict(),
        )
    ]
    pending = [command for _, command in Spool(folder).pending() if command is not None]
    assert [command.id for command in pending] == sent
    assert [command_name(command) for command in pending] == [
        "pause", "set", "stop", "resume", "checkpoint", "predict",
    ]  # fmt: skip
    stop = pending[2]
    assert isinstance(stop, commands.Stop)
    assert stop.after_epoch
    assert "@" in pending[0].by
    assert pending[0].t > 0


def test_done_takes_it_off(folder: Path) -> None:
    send(folder, commands.Pause())
    spool = Spool(folder)
    ((path, _),) = spool.pending()
    spool.done(path)
    spool.done(path)
    assert spool.pending() == []


def test_no_folder_no_commands(folder: Path) -> None:
    assert Spool(folder / "absent").pending() == []
    with pytest.raises(FileNotFoundError):
        send(folder / "absent", commands.Pause())


def test_what_is_no_command(folder: Path) -> None:
    (folder / "1.json").write_bytes(b"garbage \xff")
    (folder / "2.json").write_text('{"name":"explode","id":"x"}')
    (folder / "3.json").write_text('{"name":"set","key":"optim.lr"}')
    (folder / "4.json").write_text('{"name":"pause","id":"' + "x" * 100_000 + '"}')
    target = folder / "secret"
    target.write_text('{"name":"pause"}')
    (folder / "5.json").symlink_to(target)
    (folder / "6.json").mkdir()
    os.mkfifo(folder / "7.json")
    assert [command for _, command in Spool(folder).pending()] == [None] * 7


def test_what_is_none_of_its_business(folder: Path) -> None:
    (folder / ".half.json").touch()
    (folder / "notes.txt").touch()
    assert Spool(folder).pending() == []
