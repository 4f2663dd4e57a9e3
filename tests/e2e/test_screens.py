"""The screens around the list of runs on a real terminal, on two real runs: opened by their keys, looked at, left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import ESCAPE, Terminal, command
from tests.made_data import TINY, make_pictures

pytestmark = pytest.mark.timeout(240)

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with two finished runs, ``one`` and ``two``."""
    home = tmp_path_factory.mktemp("screens")
    data = make_pictures(home / "data", train=8, val=6, test=4)
    for seed, name in enumerate(("one", "two")):
        settings = [word for one in (*TINY, f"train.seed={seed}") for word in ("--set", one)]
        method = [
            "--set",
            "outliers.method=autoencoder",
            "--set",
            "outliers.epochs=2",
            "--set",
            "outliers.size=32",
        ]
        arguments = ["train", str(data), "--recipe", "quick", "--headless", "--name", name]
        answer = command(*arguments, *settings, *method, cwd=home)
        assert answer.returncode == 0, answer
    return home


@pytest.mark.parametrize("size", SIZES)
def test_from_the_list_of_runs_to_its_screens_and_back(done: Path, size: tuple[int, int]) -> None:
    console = Terminal(cwd=done, size=size)
    try:
        console.shows("one", "two", "finished")
        console.press("/")
        console.shows("words, best>90")
        console.press("one\r")
        console.hides("two ")
        console.press(ESCAPE)
        console.shows("one", "two")
        console.press("\x01")  # ctrl+a marks all
        console.shows("m compare")
        console.press("m")
        console.shows("compare 2 runs", "validation accuracy")
        console.press(ESCAPE)
        console.shows("finished")
        console.press("a")
        console.shows("new run in", "data folder")
        console.press(ESCAPE)
        console.shows("finished")
        console.press("q")
        assert console.ended() == 0
        assert console.left_sane()
    finally:
        console.close()
