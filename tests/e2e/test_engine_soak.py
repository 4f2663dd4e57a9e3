"""Two hundred epochs with a console attached: both stay as they were, the journal is whole, the folder small."""

from pathlib import Path
from statistics import median

import pytest

from benchmarks.engine_soak import consistent, soak


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_two_hundred_epochs(tmp_path: Path) -> None:
    soaked = soak(tmp_path, 200, every=0.05)
    assert consistent(soaked.events, 200)
    for one in (soaked.engine, soaked.console):
        settled = [at for at, epoch in enumerate(one.epochs) if epoch >= 10]
        assert len(settled) > 9
        begin, end = settled[: len(settled) // 3], settled[-len(settled) // 3 :]
        # A MB an epoch would be 1 GB in 1,000; what sets in within a minute is measured by the benchmark.
        for values, most in ((one.memory, 25.0), (one.files, 2.0), (one.threads, 2.0)):
            assert median(values[at] for at in end) - median(values[at] for at in begin) <= most
    assert sum(soaked.files.values()) < 4e6
