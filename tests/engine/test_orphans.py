"""Image processes end with their engine, however that ends."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests import warm
from tests.engine.conducting import Watcher
from tests.made_data import make_pictures, make_run


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_image_process_outlives_a_killed_engine(tmp_path: Path, how: signal.Signals) -> None:
    run = make_run(
        tmp_path / "runs",
        make_pictures(tmp_path / "pictures"),
        "train.epochs=100000",
        "schedule.patience=100000",
    )
    engine = warm.start([sys.executable, "-P", "-m", "engine", run.path], stdout=subprocess.DEVNULL)
    try:
        Watcher(run).until(lambda state: state.epochs)
        children = psutil.Process(engine.pid).children()
        assert len(children) == 2
    finally:
        engine.send_signal(how)
    assert engine.wait(20) == (-signal.SIGKILL if how is signal.SIGKILL else 130)
    assert not psutil.wait_procs(children, timeout=5)[1]
