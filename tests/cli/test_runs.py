"""`vrdl-tui runs`: the table, its filter, its JSON, and emptying the trash."""

import json
import os
from pathlib import Path

import pytest

from engine.run.labels import Labels, write_labels
from engine.run.moves import move_to_trash
from tests.cli.calling import call, refusal
from tests.tui import made_runs


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a finished run that is labelled, and a failed one below another folder."""
    done = made_runs.make_run(tmp_path / "runs", "done", made_runs.finished())
    write_labels(done, Labels(("final", "seed1"), "a note"))
    failed = made_runs.make_run(tmp_path / "runs" / "sweep", "bad", made_runs.failed())
    os.utime(failed.recipe, (1, 1))
    return tmp_path


def test_the_table_holds_the_runs_of_the_tree(place: Path) -> None:
    answer = call("runs", cwd=place)
    assert (answer.code, answer.err) == (0, "")
    head, first, second = (line.split() for line in answer.out.splitlines())
    assert head == ["run", "state", "epoch", "best", "model", "last", "word", "tags"]
    assert first[:4] == ["done", "finished", "22/30", "88.94"]
    assert first[-2:] == ["final", "seed1"]
    assert second[:2] == ["sweep/bad", "failed"]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["best>88.5"], ["done"]),
        (["tag:final", "state:finished"], ["done"]),
        (["best>80 sweep"], ["sweep/bad"]),
        (["host:node*"], ["done", "sweep/bad"]),
        (["best>99"], []),
    ],
)
def test_filtered(place: Path, wanted: list[str], names: list[str]) -> None:
    answer = call("runs", *wanted, "--json", cwd=place)
    assert [run["name"] for run in json.loads(answer.out)] == names


def test_a_run_as_json(place: Path) -> None:
    (run,) = json.loads(call("runs", "done", "--json", cwd=place).out)
    assert run == {
        "name": "done", "path": str(place / "runs/done"), "state": "finished",
        "reason": "6 epochs without a better score", "model": made_runs.MODEL, "data": "/data/photos",
        "epoch": 22, "epochs": 30, "best": 88.94, "best_epoch": 16, "monitor": "val_acc",
        "test_acc": None, "test_macro_f1": None, "test_images": None,
        "lr": pytest.approx(1.5e-4 * 0.6**4), "started": "2027-01-15T08:00:01Z",
        "updated": "2027-01-15T08:01:14Z", "duration": 73.0, "host": "node7", "tags": ["final", "seed1"],
        "note": "a note",
    }  # fmt: skip


def test_what_is_not_known_yet_is_null(tmp_path: Path) -> None:
    made_runs.make_run(tmp_path / "runs", "new")
    (run,) = json.loads(call("runs", "--json", cwd=tmp_path).out)
    unknown = ("reason", "model", "data", "epochs", "best", "best_epoch", "monitor", "lr", "started")
    assert {run[name] for name in (*unknown, "updated", "duration", "host", "note")} == {None}
    assert run["tags"] == []


def test_none_is_like_that(place: Path) -> None:
    answer = call("runs", "nothing", cwd=place)
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "none of the 2 runs in runs is like that\n"


def test_a_wrong_filter(place: Path) -> None:
    assert refusal("runs", "bset>90", cwd=place) == "filter: no column bset; did you mean best?"


def test_the_trash_is_emptied_where_asked_only(place: Path) -> None:
    run = made_runs.make_run(place / "runs", "old", made_runs.finished())
    trashed = move_to_trash(place / "runs", run)
    assert "--empty-trash removes every run" in refusal("runs", "x", "--empty-trash", cwd=place)
    assert trashed.path.exists()
    assert call("runs", "--empty-trash", cwd=place).out == "removed 1 run from runs/.trash\n"
    assert not trashed.path.exists()
    assert call("runs", "--empty-trash", cwd=place).out == "removed 0 runs from runs/.trash\n"


def test_a_trash_that_cannot_be_emptied(place: Path) -> None:
    (place / "runs/.trash").write_text("")
    message = refusal("runs", "--empty-trash", cwd=place)
    assert message == "runs/.trash can't be emptied: Not a directory"
