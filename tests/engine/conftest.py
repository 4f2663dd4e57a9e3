import os
from pathlib import Path

import pytest

from tests.made_data import make_pictures

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the engine's own process does


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"
