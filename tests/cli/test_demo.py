"""The demo as the README shows it, off a terminal."""

import csv
import re
from pathlib import Path

from tests.cli.calling import call, refusal


def test_the_whole_demo(tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "CUDA_VISIBLE_DEVICES": ""}
    answer = call("demo", "--headless", cwd=tmp_path, **cache)
    assert answer.code == 0, answer.err
    (run,) = (tmp_path / "runs").iterdir()
    assert answer.out == (run / "train.log").read_text()
    last = answer.err.splitlines()[-1]
    scored = re.match(
        r"(\d+) of 300 held-back digits are right \((\d+\.\d) %\) in runs/\S+/prediction\.csv; ", last
    )
    assert scored, last
    assert "vrdl-tui train DATA" in last
    assert float(scored[2]) >= 90
    with (run / "prediction.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 300


def test_without_its_packages(tmp_path: Path) -> None:
    """A stand-in for an installation without [demo]: the packages are hidden from the import system."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'sklearn' else find(name, *rest)\n"
    )
    message = refusal("demo", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert message == "the demo needs scikit-learn: pip install scikit-learn"


def test_a_helper_that_breaks_down_is_told_in_a_line(tmp_path: Path) -> None:
    """A stand-in for a scikit-learn that is broken: it is found, and fails once its digits are asked for."""
    (tmp_path / "site" / "sklearn").mkdir(parents=True)
    (tmp_path / "site" / "sklearn" / "__init__.py").write_text("")
    (tmp_path / "site" / "sklearn" / "datasets.py").write_text(
        "raise RuntimeError('its files are damaged')\n"
    )
    answer = call(
        "demo",
        "--headless",
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path / "site"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err == "vrdl-tui: demo: RuntimeError: its files are damaged\n"
    assert not (tmp_path / "runs").exists()
