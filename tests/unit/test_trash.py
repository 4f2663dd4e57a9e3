"""Runs on the move: renamed, into the trash and back; never a living one."""

from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.run.directory import RunDir, find_runs
from engine.run.moves import empty_trash, list_trash, move_to_trash, rename_run, restore, trash_folder


def make(runs: Path, name: str) -> RunDir:
    run = RunDir.create(runs, name, "m", "")
    run.journal.write_text(name)
    return run


def test_there_and_back(tmp_path: Path) -> None:
    run = make(tmp_path, "a")
    trashed = move_to_trash(tmp_path, run)
    assert not run.path.exists()
    assert find_runs(tmp_path) == []
    assert list_trash(tmp_path) == [trashed]
    assert restore(tmp_path, trashed) == run
    assert run.journal.read_text() == "a"
    assert list_trash(tmp_path) == []


def test_a_nested_run_comes_back_to_its_folder(tmp_path: Path) -> None:
    run = make(tmp_path / "sweep%2F" / "deep", "a")
    move_to_trash(tmp_path, run)
    (run.path.parent).rmdir()
    (trashed,) = list_trash(tmp_path)
    assert trashed.name == "sweep%2F/deep/a"
    assert restore(tmp_path, trashed) == run


def test_the_newest_is_first_and_names_may_repeat(tmp_path: Path) -> None:
    for text in ("one", "two"):
        make(tmp_path, "a").journal.write_text(text)
        move_to_trash(tmp_path, RunDir(tmp_path / "a"))
    newest, oldest = list_trash(tmp_path)
    assert newest.name == oldest.name == "a"
    assert restore(tmp_path, newest).journal.read_text() == "two"
    with pytest.raises(UserError, match="a exists already"):
        restore(tmp_path, oldest)
    assert list_trash(tmp_path) == [oldest]


def test_a_living_run_stays(tmp_path: Path) -> None:
    run = make(tmp_path, "a")
    lock = run.lock()
    for move in (lambda: move_to_trash(tmp_path, run), lambda: rename_run(run, "b")):
        with pytest.raises(UserError, match="run a is running; stop it first"):
            move()
    lock.release()
    assert run.journal.read_text() == "a"


def test_emptied_only_of_runs(tmp_path: Path) -> None:
    move_to_trash(tmp_path, make(tmp_path, "a"))
    (trash_folder(tmp_path) / "mine.txt").write_text("kept")
    assert empty_trash(tmp_path) == 1
    assert [path.name for path in trash_folder(tmp_path).iterdir()] == ["mine.txt"]
    assert empty_trash(tmp_path) == 0


def test_what_would_leave_the_folder_is_not_restored(tmp_path: Path) -> None:
    trashed = move_to_trash(tmp_path / "runs", make(tmp_path / "runs", "a"))
    bad = trashed.path.with_name(trashed.path.name.removesuffix("a") + "..%2Fa")
    trashed.path.rename(bad)
    (listed,) = list_trash(tmp_path / "runs")
    with pytest.raises(UserError, match="outside the runs folder"):
        restore(tmp_path / "runs", listed)
    assert not (tmp_path / "a").exists()


def test_renamed(tmp_path: Path) -> None:
    run = make(tmp_path, "a")
    make(tmp_path, "taken")
    assert rename_run(run, "b").journal.read_text() == "a"
    with pytest.raises(UserError, match="taken exists already; choose another name"):
        rename_run(RunDir(tmp_path / "b"), "taken")
    with pytest.raises(UserError, match=r"run name '\.\./c'"):
        rename_run(RunDir(tmp_path / "b"), "../c")


def test_a_run_whose_log_is_a_link_can_be_put_away(tmp_path: Path) -> None:
    """No engine trains it, but what is put away isn't written into."""
    run = make(tmp_path / "runs", "a")
    precious = tmp_path / "precious"
    precious.write_text("kept")
    run.train_log.symlink_to(precious)
    with pytest.raises(UserError, match=r"train\.log is a link"):
        run.lock()
    restore(tmp_path / "runs", move_to_trash(tmp_path / "runs", run))
    assert rename_run(run, "b").train_log.is_symlink()
    assert precious.read_text() == "kept"
