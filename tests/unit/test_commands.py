"""The spool: commands in the order of sending, and what is no command is told apart."""

import os
import pwd
from pathlib import Path

import pytest

from engine.control import commands
from engine.control.commands import Command, Refused, Spool, command_name, send
from engine.core.errors import UserError
from engine.run.directory import RunDir
from tui import link

_NOBODY = 65534

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def whys(folder: Path) -> list[str]:
    return [command.why for _, command in Spool(folder).pending() if isinstance(command, Refused)]


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
    pending = [command for _, command in Spool(folder).pending() if isinstance(command, Command)]
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
    assert whys(folder) == [
        "commands/1.json was refused: it is not a valid command",
        "commands/2.json was refused: it is not a valid command",
        "commands/3.json was refused: it is not a valid command",
        "commands/4.json was refused: it is not a valid command",
        "commands/5.json was refused: it is a link",
        "commands/6.json was refused: it is not a regular file",
        "commands/7.json was refused: it is not a regular file",
    ]


def test_what_is_none_of_its_business(folder: Path) -> None:
    (folder / ".half.json").touch()
    (folder / "notes.txt").touch()
    assert Spool(folder).pending() == []


def test_what_cannot_be_removed_is_told_once(folder: Path) -> None:
    (folder / "1.json").mkdir()
    spool = Spool(folder)
    ((path, _),) = spool.pending()
    spool.done(path)
    assert spool.pending() == []
    assert path.is_dir()


@root
def test_a_command_of_another_user(folder: Path) -> None:
    send(folder, commands.Stop())
    ((path, command),) = Spool(folder).pending()
    assert isinstance(command, commands.Stop)
    os.chown(path, _NOBODY, -1)
    assert whys(folder) == [
        f"commands/{path.name} was refused: it belongs to nobody, not to the user who trains"
    ]


@root
def test_the_commands_folder_of_another_user(folder: Path) -> None:
    send(folder, commands.Stop())
    os.chown(folder, _NOBODY, -1)
    (why,) = whys(folder)
    assert why.endswith("was refused: its folder belongs to nobody, not to the user who trains")


@root
def test_root_may_command_a_run_of_another_user(folder: Path) -> None:
    """The engine's part is played by a process of nobody's, which gives root's rights away."""
    os.chown(folder, _NOBODY, -1)
    before = os.umask(0o077)
    try:
        send(folder, commands.Pause())
    finally:
        os.umask(before)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.chdir(folder)  # the folders above it are closed to nobody
            os.setuid(_NOBODY)
            ((_, command),) = Spool(Path()).pending()
            os.write(writing, b"yes" if isinstance(command, commands.Pause) else b"no")
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"yes"


def test_what_anyone_may_write_to(folder: Path) -> None:
    send(folder, commands.Stop())
    ((path, _),) = Spool(folder).pending()
    path.chmod(0o666)
    assert whys(folder) == [f"commands/{path.name} was refused: it can be written to by anyone"]
    path.chmod(0o644)
    folder.chmod(0o777)
    assert whys(folder) == [f"commands/{path.name} was refused: its folder can be written to by anyone"]


def test_a_commands_folder_that_is_a_link(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "commands").symlink_to(folder / "real")
    send(folder / "real", commands.Stop())
    (why,) = whys(folder / "commands")
    assert why.endswith("was refused: its folder is a link")


@pytest.mark.parametrize("doubt", ["a link", "anyone's"])
def test_nothing_is_removed_from_a_folder_that_is_not_trusted(folder: Path, doubt: str) -> None:
    (folder / "real").mkdir()
    (folder / "real/precious.json").write_text("{}")
    (folder / "commands").symlink_to("real")
    if doubt == "anyone's":
        (folder / "real").chmod(0o777)
    spool = Spool(folder / ("commands" if doubt == "a link" else "real"))
    ((path, command),) = spool.pending()
    assert isinstance(command, Refused)
    spool.done(path)
    assert (folder / "real/precious.json").read_text() == "{}"
    assert spool.pending() == []  # told once


def test_a_folder_that_became_a_link_after_it_was_read(folder: Path) -> None:
    (folder / "commands").mkdir()
    send(folder / "commands", commands.Pause())
    spool = Spool(folder / "commands")
    ((path, _),) = spool.pending()
    (folder / "commands").rename(folder / "before")
    (folder / "precious").mkdir()
    (folder / "precious" / path.name).write_text("precious")
    (folder / "commands").symlink_to("precious")
    spool.done(path)
    assert (folder / "precious" / path.name).read_text() == "precious"


def test_as_many_paths_as_a_command_line_takes(folder: Path) -> None:
    paths = [f"class-{number % 100}/{'x' * 80}-{number}.jpg" for number in range(20_000)]
    send(folder, commands.Restore(paths=paths))
    ((_, command),) = Spool(folder).pending()
    assert isinstance(command, commands.Restore)
    assert command.paths == paths


def test_what_a_run_would_not_take_is_not_sent(folder: Path) -> None:
    for command, words in (
        (
            commands.Restore(paths=["x" * 1000] * 9000),
            r"restore: 9,\d{3},\d{3} bytes exceed the limit of 8,388,608",
        ),
        (commands.Exclude(paths=["x" * 30_000]), "exclude can't be sent: Expected `str` of length <= 20000"),
        (
            commands.Set(key="optim.lr", value="1" * 2000),
            "set can't be sent: Expected `str` of length <= 1000",
        ),
        (commands.Restore(paths=["cat/\udcff.jpg"]), "restore: a file name is not UTF-8 text"),
    ):
        with pytest.raises(UserError, match=words):
            send(folder, command)  # type: ignore[arg-type]
    assert list(folder.iterdir()) == []
    identity, problem = link.ask(RunDir(folder), commands.Restore(paths=["x" * 1000] * 9000))
    assert identity == ""
    assert problem.endswith("; give fewer images at a time")
    assert list(folder.iterdir()) == []


def test_a_file_larger_than_any_command(folder: Path) -> None:
    (folder / "1.json").write_bytes(b'{"name":"pause"}' + b" " * (8 << 20))
    with (folder / "2.json").open("wb") as file:
        file.truncate(1 << 40)
    assert whys(folder) == [
        f"commands/{number}.json was refused: it has more than 8,388,608 bytes" for number in (1, 2)
    ]


def test_a_careless_umask_makes_no_command_that_is_refused(folder: Path) -> None:
    before = os.umask(0)
    try:
        send(folder, commands.Pause())
    finally:
        os.umask(before)
    assert whys(folder) == []


def test_who_and_when_is_known_of_a_command_that_says_neither(folder: Path) -> None:
    path = folder / "1.json"
    path.write_text('{"name":"pause"}')
    ((_, command),) = Spool(folder).pending()
    assert isinstance(command, commands.Pause)
    assert command.by == pwd.getpwuid(os.getuid()).pw_name
    assert command.t == path.stat().st_mtime
