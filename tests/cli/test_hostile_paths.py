"""Names and paths that lead elsewhere, typed or from files: refused in one line, nothing written or waited for."""

import os
import time
from pathlib import Path

import pytest

from engine.recipe.recipe import Recipe, load_recipe
from engine.run.directory import RunDir
from tests.cli.calling import call, refusal, tree


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that looks right by its names."""
    for name in ("train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "val/b/1.jpg", "test/1.jpg"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, tmp_path: Path) -> RunDir:
    recipe = load_recipe(
        None, [f"data.train={data}/train", f"data.test={data}/test", "outliers.action=quarantine"]
    )
    made = RunDir.create(tmp_path / "runs", "mine", "m", recipe.to_toml())
    (made.checkpoints / "best").mkdir()
    return made


@pytest.mark.parametrize(
    "name",
    [
        "../mine",
        "a/../../b",
        ".hidden",
        "-rf",
        "a\nb",
        "a\x1b[2J",
        "\u202etxt.exe",
        "a b",
        "x" * 101,
        "%2e%2e",
    ],
)
def test_run_names(data: Path, tmp_path: Path, name: str) -> None:
    message = refusal("train", "data", "--recipe", "quick", f"--name={name}", cwd=tmp_path)
    assert message.startswith("run name '")
    assert message.isprintable()


def test_the_folder_of_runs(data: Path, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")
    for runs in ("/dev/null", "/dev/null/runs", "circle", "circle/runs", "pipe", "pipe/runs", "x" * 300):
        started = time.monotonic()
        assert refusal("train", "data", "--recipe", "quick", "--runs", runs, cwd=tmp_path)
        assert time.monotonic() - started < 60


def test_which_run(run: RunDir, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "runs" / "circle").symlink_to("circle")
    for wanted in ("../data", "/etc", "pipe", "circle", "mine/../../data", "\x1b[2J", "x" * 5000):
        message = refusal("resume", wanted, cwd=tmp_path)
        assert message.startswith("no run ") or "File name too long" in message
        assert message.isprintable()


def test_where_a_prediction_goes(run: RunDir, tmp_path: Path) -> None:
    (tmp_path / "dangling.csv").symlink_to("elsewhere.csv")
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe.csv")
    for out in (
        "dangling.csv",
        "pipe.csv",
        "data",
        "/dev/null",
        "/dev/full",
        "circle",
        "runs/mine/recipe.toml",
    ):
        assert "exists already" in refusal("predict", "mine", "--out", out, cwd=tmp_path)
    assert "exists already" in refusal("predict", "mine", "--probabilities", "dangling.csv", cwd=tmp_path)
    for out in ("nowhere/../x.csv", "circle/x.csv", "/dev/null/x.csv"):
        assert "no such folder" in refusal("predict", "mine", "--out", out, cwd=tmp_path)
    assert not (tmp_path / "elsewhere.csv").exists()


def test_recipes(data: Path, tmp_path: Path) -> None:
    (tmp_path / "deep.toml").write_text("x = " + "[" * 100_000)
    (tmp_path / "large.toml").write_text("# " + "x" * (2 << 20))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "circle.toml").symlink_to("circle.toml")
    with (tmp_path / "sparse.toml").open("wb") as file:
        file.truncate(1 << 40)
    for recipe, words in (
        ("/dev/zero", "it has more than 1,048,576 bytes"),
        ("sparse.toml", "it has more than 1,048,576 bytes"),
        ("large.toml", "it has more than 1,048,576 bytes"),
        ("deep.toml", "is not TOML"),
        ("binary.toml", "can't be read"),
        ("circle.toml", "can't be read"),
        ("/dev/null/x", "can't be read"),
        ("data", "can't be read"),
        ("../../assets/recipes/quick", "no such file"),
        ("x" * 5000, "File name too long"),
    ):
        message = refusal("train", "data", "--recipe", recipe, cwd=tmp_path)
        assert words in message
        assert message.isprintable()


def test_paths_in_a_recipe(data: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for section, words in (
        ('[data]\ntrain = "../../../../etc"', ""),
        ('[data]\ntest = "/dev/null"', ""),
        ('[model]\nweights = "../pipe"', "model.weights: no such file"),
        ('[model]\nweights = "pipe"', "model.weights: not a file or folder"),
        ('[model]\nweights = "/dev/zero"', "model.weights: not a file or folder"),
        ('[model]\nname = "../../x"', "timm has no model '../../x'"),
    ):
        (tmp_path / "r.toml").write_text(section + "\n")
        if words:
            assert words in refusal("train", "data", "--recipe", "r.toml", cwd=tmp_path)
    # The folder that was typed goes before those of the file; typed ones are looked at.
    for key in ("train", "val", "test"):
        asked = ("--set", f"data.{key}=/dev/zero")
        assert f"data.{key}: /dev/zero is not a folder" in refusal("train", "data", *asked, cwd=tmp_path)


def test_restoring_what_was_never_left_out(run: RunDir, tmp_path: Path) -> None:
    (tmp_path / "precious.jpg").write_bytes(b"precious")
    for path in ("../../precious.jpg", str(tmp_path / "precious.jpg"), "a/../../../precious.jpg", "a/1.jpg"):
        before = tree(tmp_path / "data")
        answer = call("outliers", "restore", "mine", path, cwd=tmp_path)
        assert answer.code == 2, answer
        assert "is not excluded" in answer.err
        assert answer.err.count("\n") == 1
        assert tree(tmp_path / "data") == before
    assert (tmp_path / "precious.jpg").read_bytes() == b"precious"


def test_a_data_folder_of_anything_but_images(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        os.mkfifo(tmp_path / "data" / name / "1.jpg")
        (tmp_path / "data" / name / "2.jpg").symlink_to("/dev/zero")
        (tmp_path / "data" / name / "3.jpg").symlink_to("3.jpg")
    for command in (("train",), ("outliers", "scan")):
        assert "no images in class folders" in refusal(*command, "data", cwd=tmp_path)


def test_a_run_whose_files_are_pipes(tmp_path: Path) -> None:
    """A run that somebody gave us: listing it waits for nothing."""
    made = RunDir.create(tmp_path / "runs", "mine", "m", Recipe().to_toml())
    for file in (made.train_log, made.validation, made.prediction, made.outliers, made.path / "labels.toml"):
        os.mkfifo(file)
    started = time.monotonic()
    assert "best weights" in refusal("predict", "mine", cwd=tmp_path)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    "command",
    [
        ("attach",),
        ("resume",),
        ("predict",),
        ("send",),
        ("outliers", "list"),
        ("compare", "mine"),
        ("predict", "mine", "--out"),
        ("predict", "mine", "--probabilities"),
        ("compare", "mine", "runs/other", "--png"),
        ("train", "data", "--recipe"),
    ],
)
def test_the_home_of_nobody(run: RunDir, tmp_path: Path, command: tuple[str, ...]) -> None:
    RunDir.create(tmp_path / "runs", "other", "m", Recipe().to_toml())
    more = ("pause",) if command == ("send",) else ()
    message = refusal(*command, "~nosuch", *more, cwd=tmp_path)
    assert message == "~nosuch: there is no user nosuch; give the whole path"


def test_paths_of_a_recipe_that_lead_nowhere(data: Path, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    for key in ("data.train", "data.test", "model.weights"):
        message = refusal("train", "data", "--set", f"{key}=~nosuch/x", cwd=tmp_path)
        assert message == "~nosuch/x: there is no user nosuch; give the whole path"
        message = refusal("train", "data", "--set", f"{key}=circle", cwd=tmp_path)
        assert message.startswith(f"{key}: ")
        assert "circle" in message
