"""Outliers on a real terminal: confirmed by typing, watched, looked at in the gallery, restored with a key."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.run.directory import RunDir
from tests.e2e.terminal import ESCAPE, Terminal
from tests.engine.conducting import Watcher
from tests.made_data import TINY, make_pictures

pytestmark = pytest.mark.timeout(180)

Open = Callable[..., Terminal]

STAGE = (
    *TINY, "outliers.method=autoencoder", "outliers.epochs=2", "outliers.size=32", "outliers.percentile=80",
    "outliers.relax=0", "train.epochs=400", "schedule.patience=400",
)  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_pictures(tmp_path / "data", train=10, test=3)


def train(data: Path, *more: str) -> list[str]:
    settings = [word for setting in (*STAGE, *more) for word in ("--set", setting)]
    return ["train", str(data), "--recipe", "quick", "--name", "r", *settings]


def test_deletion_is_confirmed_by_typing(terminal: Open, home: Path, data: Path) -> None:
    before = sorted((data / "train").rglob("*.png"))
    console = terminal(*train(data, "outliers.action=delete"))
    console.shows("removes training images from", "Type delete to go on:")
    console.press("yes\r")
    console.shows("not confirmed; nothing was started")
    assert console.ended() == 2
    assert not (home / "runs").exists()
    console = terminal(*train(data, "outliers.action=delete"))
    console.shows("Type delete to go on:")
    console.press("delete\r")
    console.shows("images left out", "6 deleted")
    assert len(sorted((data / "train").rglob("*.png"))) == len(before) - 6


def test_watched_looked_at_and_restored(terminal: Open, home: Path, data: Path) -> None:
    console = terminal(*train(data, "outliers.action=quarantine"))
    console.shows("6 of 30 images left out (20.0 %)", "6 quarantined")
    run = RunDir(home / "runs" / "r")
    watcher = Watcher(run)
    watcher.look()
    newest = list(watcher.state.outliers.excluded.values())[-1]
    assert Path(newest.moved_to).exists()
    console.press("o")
    console.shows("this image", "typical of", "threshold", Path(newest.path).name)
    console.press("u")
    console.shows("1 image restored, in use from epoch")
    assert Path(newest.path).exists()
    assert not Path(newest.moved_to).exists()
    console.press(ESCAPE)
    console.shows("5 of 30 images left out", "1 restored", "accuracy")
