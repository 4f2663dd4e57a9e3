"""A run that came from elsewhere, with links and pipes where its files should be: refused or shown, none waited for."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.journal.events import RunEnded
from engine.journal.log import JournalWriter
from engine.recipe.recipe import Recipe
from engine.run.directory import RunDir
from engine.run.labels import read_labels
from engine.run.moves import rename_run
from tests.cli.calling import call, refusal

PRECIOUS = "precious, and no line of it is a journal's\n"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    (tmp_path / "precious").write_text(PRECIOUS)
    made = RunDir.create(tmp_path / "runs", "mine", "m", Recipe().to_toml())
    yield made
    made.lock_file.unlink(missing_ok=True)  # others look into all locks for engines that are left


@pytest.mark.parametrize("name", ["events.jsonl", "train.log", "lock", "engine.log"])
def test_a_run_is_not_resumed_through_a_link(run: RunDir, tmp_path: Path, name: str) -> None:
    for target in ("../../precious", "absent", name):
        (run.path / name).symlink_to(target)
        said = refusal("resume", "mine", "--headless", cwd=tmp_path)
        assert said == (
            f"runs/mine/{name} is a link, but a run writes only to its own files; "
            "put the file in its place, or remove it"
        )
        (run.path / name).unlink()
    assert (tmp_path / "precious").read_text() == PRECIOUS


@pytest.mark.parametrize("name", ["events.jsonl", "train.log", "lock", "engine.log"])
def test_a_run_is_not_resumed_into_a_pipe(run: RunDir, tmp_path: Path, name: str) -> None:
    os.mkfifo(run.path / name)
    said = refusal("resume", "mine", "--headless", cwd=tmp_path)
    assert f"{name} is no regular file; remove it" in said


def test_a_run_with_a_link_is_not_told_to_be_running(run: RunDir) -> None:
    run.lock_file.symlink_to("../../precious")
    with pytest.raises(UserError, match=r"lock is a link"):
        rename_run(run, "yours")


def test_nothing_is_restored_through_a_link(run: RunDir, tmp_path: Path) -> None:
    run.journal.symlink_to("../../precious")
    assert "events.jsonl is a link" in refusal("outliers", "restore", "mine", "--all", cwd=tmp_path)
    assert (tmp_path / "precious").read_text() == PRECIOUS


@pytest.mark.parametrize(
    "names",
    [
        ("lock",),
        ("events.jsonl", "events.index"),
        ("events.index",),
        ("labels.toml",),
        ("validation.csv", "prediction.csv", "train.log", "outliers.csv"),
    ],
)
def test_a_list_waits_for_no_pipe(run: RunDir, tmp_path: Path, names: tuple[str, ...]) -> None:
    if "events.jsonl" not in names:
        journal = JournalWriter(run.journal)
        journal.append(
            RunEnded(outcome="stopped", reason="asked", epoch=0, best=None, best_epoch=0, exit_code=0)
        )
        journal.close()
    for name in names:
        os.mkfifo(run.path / name)
    begun = time.monotonic()
    answer = call("runs", "--json", cwd=tmp_path)
    assert answer.code == 0, answer
    (listed,) = json.loads(answer.out)
    assert (listed["name"], listed["note"]) == ("mine", None)
    assert call("runs", cwd=tmp_path).code == 0
    assert time.monotonic() - begun < 60


def test_labels_that_are_a_pipe_are_named(run: RunDir) -> None:
    os.mkfifo(run.path / "labels.toml")
    with pytest.raises(
        UserError, match=r"labels\.toml can't be read: it is no regular file; fix or remove it"
    ):
        read_labels(run)


def test_a_recipe_that_became_a_pipe(run: RunDir, tmp_path: Path) -> None:
    run.recipe.unlink()
    os.mkfifo(run.recipe)
    answer = call("runs", "--json", cwd=tmp_path)
    assert answer.code == 0, answer
