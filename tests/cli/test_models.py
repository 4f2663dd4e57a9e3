"""`vrdl-tui models`: the table is written on first use by timm itself, and read without it from then on."""

import json
import time
from pathlib import Path

import pytest

from tests.cli.calling import call


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder whose table one call has begun."""
    folder = tmp_path_factory.mktemp("cache")
    answer = call("models", "resnet18.a1", cwd=folder, XDG_CACHE_HOME=str(folder))
    assert answer.code == 0, answer
    assert "11.7" in answer.out
    return folder


def test_a_query(cache: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    answer = call("models", "resnet18", "params<12", "top1>73", cwd=tmp_path, XDG_CACHE_HOME=str(cache))
    lines = answer.out.splitlines()
    assert answer.code == 0
    assert lines[0].split() == ["model", "Mparams", "px", "top-1", "at", "px", "here", "licence"]
    assert lines[1].split() == ["resnet18.a1_in1k", "11.7", "224/288", "73.16", "288", "no", "apache-2.0"]
    assert len(lines) == 2
    assert time.monotonic() - began < 100


def test_json_says_what_is_not_known(cache: Path, tmp_path: Path) -> None:
    answer = call("models", "--json", cwd=tmp_path, XDG_CACHE_HOME=str(cache))
    models = {one["name"]: one for one in json.loads(answer.out)}
    assert len(models) > 1000
    assert sum(one["candidate"] for one in models.values()) == 13
    assert (
        sum(figure["multiply_adds"] is not None for one in models.values() for figure in one["figures"]) == 16
    )
    assert models["resnet18.a1_in1k"]["parameters"] == 11_689_512
    assert models["resnet34.a1_in1k"]["parameters"] is None
    assert models["resnet18.a2_in1k"]["figures"] == []


def test_the_packaged_weights_are_here(cache: Path, tmp_path: Path) -> None:
    answer = call("models", "here", "lite0", "--json", cwd=tmp_path, XDG_CACHE_HOME=str(cache))
    assert [one["name"] for one in json.loads(answer.out)] == ["tf_efficientnet_lite0.in1k"]


def test_nothing_found(cache: Path, tmp_path: Path) -> None:
    answer = call("models", "no-such-model", cwd=tmp_path, XDG_CACHE_HOME=str(cache))
    assert (answer.code, answer.out) == (0, "")
    assert "no model fits" in answer.err


def test_a_cache_that_can_t_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = call("models", "resnet18", cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "file"))
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert "file" in answer.err
