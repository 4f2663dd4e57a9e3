"""A mean over several runs: of the same images in each, whatever happens to their files meanwhile."""

import csv
import os
import shutil
import threading
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.layout.tree import list_images
from engine.run.directory import RunDir
from engine.training.predict import predict_runs
from tests.made_data import make_pictures, make_run
from tui.helper import run_helper


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A real run of one epoch, its engine gone."""
    place = tmp_path_factory.mktemp("trained")
    run = make_run(place / "runs", make_pictures(place / "data"), "train.epochs=1", "data.batch_size=2")
    run_helper("engine", [str(run.path)], lambda _fact: None)
    return run


def twin(run: RunDir, place: Path) -> RunDir:
    """Return a copy of the run, whose recipe comes by a pipe: who predicts with it waits there for ``write``."""
    made = RunDir(place / "twin")
    shutil.copytree(run.path, made.path)
    made.recipe.unlink()
    os.mkfifo(made.recipe)
    return made


def predicted(runs: list[RunDir], test: Path, out: Path) -> dict[str, tuple[str, list[float]]]:
    """Return the label and the probabilities that are written for each image."""
    shares = out.with_name("shares.csv")
    paths = [test / name for name in list_images(test)]
    written = predict_runs(
        runs, paths, out, "last", root=test, flip=False, probabilities=shares, say=lambda _fact: None
    )
    with shares.open(newline="") as file:
        _, *rows = csv.reader(file)
    with out.open(newline="") as file:
        labels = {row["image_name"]: row["pred_label"] for row in csv.DictReader(file)}
    assert written.rows == written.read == len(labels) == len(rows)
    assert written.read + len(written.unreadable) == len(paths)
    return {row[0]: (labels[row[0]], [float(value) for value in row[3:]]) for row in rows}


@pytest.mark.parametrize("also_gone", [[], ["4"]])
def test_images_that_one_of_the_runs_could_not_read(
    trained: RunDir, tmp_path: Path, also_gone: list[str]
) -> None:
    test = tmp_path / "test"
    shutil.copytree(trained.path.parents[1] / "data" / "test", test)
    alone = predicted([trained], test, tmp_path / "alone.csv")
    assert sorted(alone) == ["0", "1", "2", "3", "4"]
    second, whole = twin(trained, tmp_path), (test / "1.png").read_bytes()
    (test / "1.png").write_bytes(b"no image")

    def change() -> None:
        with second.recipe.open("wb") as pipe:  # the first is through with its images
            (test / "1.png").write_bytes(whole)
            for name in ("3", *also_gone):
                (test / f"{name}.png").unlink()
            pipe.write(trained.recipe.read_bytes())

    changing = threading.Thread(target=change)
    changing.start()
    together = predicted([trained, second], test, tmp_path / "mean.csv")
    changing.join()
    assert sorted(together) == sorted({"0", "2", "4"} - set(also_gone))
    for name, (label, shares) in together.items():
        assert label == alone[name][0]
        assert shares == pytest.approx(alone[name][1], abs=1e-4)


def test_no_image_that_all_could_read(trained: RunDir, tmp_path: Path) -> None:
    test = tmp_path / "test"
    test.mkdir()
    (test / "1.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="none of the test images can be read"):
        predicted([trained, trained], test, tmp_path / "mean.csv")
    assert not (tmp_path / "mean.csv").exists()
