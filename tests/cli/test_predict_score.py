"""What `predict` says of a test folder with labels."""

import shutil
from pathlib import Path

import pytest

from tests.cli.calling import call
from tests.cli.test_training import train
from tests.made_data import COLOURS


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A folder with a run named "done", and test folders with all labels, some and none."""
    place = tmp_path_factory.mktemp("place")
    for folder, names in (("all", tuple(COLOURS)), ("some", ("red", "lynx")), ("none", ("lynx",))):
        for number, name in enumerate(names):
            (place / folder / name).mkdir(parents=True)
            shutil.copy(pictures / "test" / f"{number}.png", place / folder / name / f"{name}.png")
    answer = call(*train(pictures, "done", "--headless", "--set", "train.epochs=1"), cwd=place)
    assert answer.code == 0, answer.err
    return place


@pytest.mark.parametrize(
    ("arguments", "images", "after"),
    [
        (("done", "--test", "all"), 3, ""),
        (("done", "--test", "all", "--tta"), 3, ""),
        (("done", "done", "--test", "all"), 3, ""),
        (("done", "--test", "some"), 1, ", 1 without label; no class of the run: lynx"),
    ],
    ids=["all", "mirrored", "two runs", "some"],
)
def test_a_labelled_folder_is_scored(
    place: Path, tmp_path: Path, arguments: tuple[str, ...], images: int, after: str
) -> None:
    answer = call("predict", *arguments, "--out", tmp_path / "p.csv", cwd=place)
    assert (answer.code, answer.err) == (0, "")
    written, score = answer.out.splitlines()
    assert " labels written to " in written
    start = f"test {score.split()[1]} % of {images} labelled image{'s' if images > 1 else ''} (95 % interval "
    assert score.startswith(start)
    assert score.endswith(f" %{after}")
    assert "macro F1" in score


def test_folders_of_no_class_are_named(place: Path, tmp_path: Path) -> None:
    answer = call("predict", "done", "--test", "none", "--out", tmp_path / "p.csv", cwd=place)
    assert answer.code == 0
    assert answer.out.splitlines()[1:] == ["not scored; no class of the run: lynx"]


def test_a_flat_folder_has_no_score(place: Path, tmp_path: Path, pictures: Path) -> None:
    answer = call("predict", "done", "--test", pictures / "test", "--out", tmp_path / "p.csv", cwd=place)
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 1
