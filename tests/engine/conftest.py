from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.disks import Place
from tests.engine.hooked import Engines
from tests.made_data import make_pictures


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("disk")
    with Engines(root / "cache") as engines:
        yield Place(root, engines)


@pytest.fixture
def place(ground: Place) -> Iterator[Place]:
    """Where runs meet a bad disk; it is good again afterwards."""
    yield ground
    ground.free()
