"""No memory left for a step, on the device or on the host: said in a line with what to lower, and gone on with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.journal.events import RunEnded
from engine.journal.log import JournalReader
from tests.engine.hooked import Engines
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_run

SETTINGS = ("train.epochs=2", "data.workers=0", "data.batch_size=4", "data.cache=off", "model.drop_rate=0.3")
HOOK = """
import torch, numpy
from engine.training.trainer import Trainer

learn, steps = Trainer._learn, 0

def learn_or_fail(self, batch):
    global steps
    steps += 1
    if steps == 10:
        {fails}
    learn(self, batch)

Trainer._learn = learn_or_fail
"""
FAILS = {
    "device": "raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')",
    "torch on the host": "torch.empty(1 << 46)",
    "numpy": "numpy.ones(1 << 46)",
    "python": "bytearray(1 << 60)",
}


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("cache")) as made:
        yield made


def test_said_and_gone_on_with(engines: Engines, pictures: Path, runs: Path) -> None:
    whole = make_run(runs, pictures, *SETTINGS, name="whole")
    assert engines.run(whole) == 0, whole.engine_log.read_text()
    for number, (where, fails) in enumerate(FAILS.items()):
        run = make_run(runs, pictures, *SETTINGS, name=f"run{number}")
        assert engines.run(run, HOOK.format(fails=fails)) == 1
        ended = JournalReader(run.journal).read()[-1]
        assert isinstance(ended, RunEnded)
        assert "out of memory: lower data.batch_size" in ended.reason, where
        assert "\n" not in ended.reason
        assert engines.run(run) == 0, run.engine_log.read_text()
        assert_same_end(run, whole)
