"""A model's sizes on the command line: followed, said, or refused before there is a run."""

from pathlib import Path

import pytest

from tests.cli.calling import call, refusal
from tests.made_data import make_pictures


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("sizes") / "data", train=3, val=2, size=32)


BARE = ("--recipe", "quick", "--set", "model.pretrained=false", "--set", "train.epochs=1", "--headless")


def test_sizes_that_do_not_fit_are_refused(data: Path, tmp_path: Path) -> None:
    sizes = ("--set", "data.train_size=64", "--set", "data.val_size=96")
    line = refusal("train", data, *BARE, *sizes, "--set", "model.name=test_coatnet", cwd=tmp_path)
    assert "set data.val_size=data.train_size: both to 64 or both to 96" in line
    assert line == refusal("train", data, *BARE, *sizes, "--set", "model.name=test_coatnet", cwd=tmp_path)


def test_sizes_that_are_not_given_follow_the_model(data: Path, tmp_path: Path) -> None:
    answer = call("train", data, *BARE, "--set", "model.name=test_vit_relpos", "--name", "x", cwd=tmp_path)
    assert answer.code == 0, answer
    assert (
        "data.train_size = 160, data.val_size = 160 px, as test_vit_relpos was trained"
        in answer.out + answer.err
    )
    recipe = (tmp_path / "runs/x/recipe.toml").read_text()
    assert "train_size = 160" in recipe
    assert "val_size = 160" in recipe
