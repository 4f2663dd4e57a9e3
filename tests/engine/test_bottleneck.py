"""What is said of a run that waits for its images."""

import os

import pytest

from engine.data.bottleneck import advice
from engine.recipe.sections import Data

CORES = len(os.sched_getaffinity(0))


@pytest.mark.parametrize("waited", [0.0, 0.99])
def test_a_tenth_is_not_worth_a_word(waited: float) -> None:
    assert advice(waited, 10.0, Data(), 0, "nowhere") == ""
    assert advice(0.0, 0.0, Data(), 0, "nowhere") == ""


def test_each_remedy_is_one_that_is_left() -> None:
    said = advice(2.5, 10.0, Data(), 0, "nowhere")
    assert said.startswith("training waited for images 25 % of an epoch: ")
    assert f"raise data.workers (now 0, {CORES} cores)" in said
    assert "data.cache=auto" in said
    busy = advice(2.5, 10.0, Data(), CORES, "in memory, at most 1.0 GB")
    assert "workers" not in busy
    assert "disk" not in busy
    assert "data.train_size" in busy
    assert "data.cache=memory" in advice(2.5, 10.0, Data(), CORES, "on disk, in /x")
