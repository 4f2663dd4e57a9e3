"""`vrdl-tui resume` when the data were moved or changed, from the shell."""

import shutil
from pathlib import Path

import pytest

from engine.recipe.recipe import change, load_recipe
from engine.run.directory import RunDir
from tests.cli.calling import call, refusal
from tests.made_data import make_pictures, make_run


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A run that has trained an epoch, is to train another, and whose data have been moved."""
    data = make_pictures(tmp_path / "data")
    run = make_run(tmp_path / "runs", data, "train.epochs=1")
    answer = call("resume", "run", "--headless", cwd=tmp_path)
    assert answer.code == 0, answer
    edit(run, "train.epochs", "2")
    data.rename(tmp_path / "moved")
    return run


def edit(run: RunDir, key: str, value: str) -> None:
    run.recipe.write_text(change(load_recipe(run.recipe), key, value).to_toml())


def test_moved_data_are_named_and_the_run_goes_on(run: RunDir, tmp_path: Path) -> None:
    old, new = tmp_path / "data", tmp_path / "moved"
    assert refusal("resume", "run", "--headless", cwd=tmp_path) == (
        f"data.train: no such folder: {old}/train: there is no data in {tmp_path}; put back what is missing; if the "
        "data were moved: vrdl-tui resume runs/run --data NEW_FOLDER"
    )
    assert refusal("resume", "run", "--data", "nowhere", cwd=tmp_path) == "no such folder: nowhere"
    other = make_pictures(tmp_path / "other")
    for path in other.rglob("*.png"):
        path.rename(path.with_stem(f"another {path.stem}"))
    assert refusal("resume", "run", "--data", "other", cwd=tmp_path) == (
        f"data.train: {other}/train has none of the 27 images that the run began with, blue/blue0.png is missing "
        "first; name the folder that the run's data were moved to"
    )
    assert refusal("resume", "run", "--data", new / "train", cwd=tmp_path) == (
        f"{new}/train has no folder for data.val, which was {old}/val; move it there too"
    )
    shutil.copy(new / "train/red/red1.png", new / "train/red/added.png")
    (new / "test/0.png").unlink()
    answer = call("resume", "run", "--data", "moved", "--headless", cwd=tmp_path)
    assert answer.code == 0, answer
    for split in ("train", "val", "test"):
        assert f"data.{split} changed in recipe.toml from {old}/{split} to {new}/{split}" in answer.err
        assert f"Setting changed: data.{split} {old}/{split} -> {new}/{split} in recipe.toml\n" in answer.out
        assert getattr(load_recipe(run.recipe).data, split) == f"{new}/{split}"
    assert "1 training image (red/added.png) was added since the run began: not used" in answer.err
    assert "1 test image (0.png) gone since the run began; predictions are of those there now" in answer.err
    assert run.prediction.read_text().count("\n") == 1 + 4


def test_a_run_of_flat_folders_is_found_where_they_were_moved(tmp_path: Path) -> None:
    tree = make_pictures(tmp_path / "data", test=0) / "train"
    run = make_run(tmp_path / "runs", tree, "train.epochs=1")
    assert call("resume", "run", "--headless", cwd=tmp_path).code == 0
    edit(run, "train.epochs", "2")
    recorded = run.split.read_bytes()
    tree.rename(tmp_path / "flat")
    answer = call("resume", "run", "--data", "flat", "--headless", cwd=tmp_path)
    assert answer.code == 0, answer
    assert (load_recipe(run.recipe).data.train, load_recipe(run.recipe).data.val) == (
        str(tmp_path / "flat"),
        "",
    )
    assert run.split.read_bytes() == recorded


def test_a_run_without_its_checkpoint_does_not_begin_again(run: RunDir, tmp_path: Path) -> None:
    (tmp_path / "moved").rename(tmp_path / "data")
    kept = (run.checkpoints / "last").rename(tmp_path / "kept")
    assert refusal("resume", "run", "--headless", cwd=tmp_path).startswith(
        "runs/run/checkpoints/last, saved in epoch 2, is gone: restore it from a copy, or start a new run: "
    )
    kept.rename(run.checkpoints / "last")
    assert call("resume", "run", "--headless", cwd=tmp_path).code == 0
