"""A disk that takes its time: the run is later, and otherwise the same."""

from pathlib import Path

from tests.engine.disks import Place
from tests.engine.hooked import Engines
from tests.engine.same_end import differences

SLOW = """
from tests.engine import faulty
faulty.slow_down(0.02)
"""


def test_a_slow_disk_changes_nothing(tmp_path: Path) -> None:
    with Engines(tmp_path / "cache") as engines:
        place = Place(tmp_path, engines)
        run = place.new("slow")
        assert engines.run(run, SLOW) == 0, run.engine_log.read_text()
        assert differences(run, place.whole) == []
