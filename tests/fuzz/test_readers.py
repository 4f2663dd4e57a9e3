"""10,000 damaged files: each is read, or refused with one clear line, in bounded time and memory."""

import contextlib
import random
import sys
import zlib
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.core.text import printable
from tests.fuzz.bounds import bounded_memory, bounded_time
from tests.fuzz.mutate import mutate
from tests.fuzz.readers import Reader, readers

CASES = 600
NAMES = (
    "journal", "index", "command", "recipe", "recipe of a row", "labels", "plan", "split", "manifest",
    "validation", "prediction", "progress", "header", "lock", "settings", "layout", "table of models",
)  # fmt: skip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bounds memory by /proc")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def find(folder: Path, name: str) -> Reader:
    return next(reader for reader in readers(folder) if reader.name == name)


def test_every_reader_takes_its_own_files(tmp_path: Path) -> None:
    found = readers(tmp_path)
    assert tuple(reader.name for reader in found) == NAMES
    for reader in found:
        for seed in reader.seeds:
            # A run that is locked says by whom: that is how the file is read.
            with pytest.raises(UserError) if reader.name == "lock" else contextlib.nullcontext():
                reader.read(tmp_path, seed)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files(tmp_path: Path, name: str) -> None:
    reader = find(tmp_path, name)
    rng = random.Random(zlib.crc32(name.encode()))
    with bounded_memory():
        for number in range(CASES):
            content = mutate(rng.choice(reader.seeds), rng)
            said = ""
            try:
                with bounded_time():
                    reader.read(tmp_path, content)
            except UserError as error:
                said = str(error)
            except BaseException:
                print(f"case {number} of {name}: {content[:2000]!r}")
                raise
            assert said == printable(said)
