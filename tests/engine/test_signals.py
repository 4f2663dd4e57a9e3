"""SIGTERM, and SIGUSR1 as batch systems send it ahead of a job's end: saved, ended as interrupted, gone on with."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.journal.events import CheckpointSaved, RunEnded
from engine.journal.index import past_state
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from engine.run.train_state import peek
from tests.engine.hooked import ENVIRONMENT, Engines
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_pictures, make_run

GRACE = 30.0
"""Seconds that SLURM itself leaves between SIGTERM and SIGKILL (KillWait)."""
SETTINGS = (
    "train.epochs=2", "data.workers=1", "mixup.alpha=0.5", "model.drop_rate=0.3", "data.batch_size=4",
    "data.cache=disk",
    "outliers.method=autoencoder", "outliers.epochs=2", "outliers.size=16", "outliers.percentile=60",
    "outliers.relax=0",
)  # fmt: skip

SEND = """
import os, pathlib, time

def act():
    pathlib.Path(RUN, "sent").write_text(str(time.monotonic()))
    os.kill(os.getpid(), SIGNAL)

def nth(number, call):
    count = 0
    def counted(*args, **named):
        nonlocal count
        count += 1
        if count == number:
            act()
        return call(*args, **named)
    return counted
"""
STAGES = {
    "reading data": "on_event(lambda event: getattr(event, 'stage', '') == 'reading data', act)",
    "finding outliers": "on_event(lambda event: type(event).__name__ == 'AutoencoderEpoch', act)",
    "building model": "on_event(lambda event: getattr(event, 'stage', '') == 'building model', act)",
    "caching": "from engine.training.trainer import Trainer; Trainer._learn = nth(1, Trainer._learn)",
    "training": "from engine.training.trainer import Trainer; Trainer._learn = nth(6, Trainer._learn)",
    "validation": "from engine.data.batches import BatchStream; BatchStream.val = nth(2, BatchStream.val)",
    "saving": "from engine.training import checkpoint; checkpoint.save_file = nth(5, checkpoint.save_file)",
    "predicting": "on_event(lambda event: type(event).__name__ == 'PredictionProgress', act)",
}
IMPORTING = """
import sys

class Meeting:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "timm":
            sys.meta_path.remove(Meeting)
            act()

if sys.orig_argv[1:3] == ["-m", "engine"]:
    RUN = sys.argv[-1]
    sys.meta_path.insert(0, Meeting)
"""


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("signalled"), test=20)


@pytest.fixture(scope="module")
def unbroken(engines: Engines, data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("unbroken"), data, *SETTINGS)
    assert engines.run(run) == 0, run.engine_log.read_text()
    return run


def interrupted(run: RunDir) -> float:
    """Check that the run's attempt ended as interrupted, and return how many seconds after the signal."""
    seconds = time.monotonic() - float((run.path / "sent").read_text())
    (run.path / "sent").unlink()
    events = JournalReader(run.journal).read()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert isinstance(events[-1], RunEnded)
    assert (events[-1].outcome, events[-1].exit_code) == ("interrupted", 130)
    assert past_state(JournalReader(run.journal)).status(alive=run.is_alive()) == "interrupted"
    return seconds


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGUSR1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("stage", STAGES)
def test_a_run_is_saved_in_time_and_goes_on_exactly(
    engines: Engines, data: Path, runs: Path, unbroken: RunDir, stage: str, number: signal.Signals
) -> None:
    run = make_run(runs, data, *SETTINGS)
    assert engines.run(run, f"SIGNAL = {number}\n{SEND}{STAGES[stage]}") == 130, run.engine_log.read_text()
    seconds = interrupted(run)
    print(f"{stage}: {number.name}: {seconds:.2f} s")
    assert seconds < GRACE
    saved = [e for e in JournalReader(run.journal).read() if isinstance(e, CheckpointSaved)]
    at = {"caching": (1, 1), "training": (2, 2), "validation": (2, 4), "predicting": (3, 0)}
    if stage in at:
        assert (saved[-1].reason, saved[-1].epoch, saved[-1].step) == ("terminated", *at[stage])
    assert engines.run(run) == 0, run.engine_log.read_text()
    assert_same_end(run, unbroken)


def test_a_stop_before_an_epochs_first_step_takes_no_line_of_the_log_back(
    engines: Engines, data: Path, runs: Path, unbroken: RunDir
) -> None:
    """``--headless`` has printed the epoch's first line by then."""
    run = make_run(runs, data, *SETTINGS)
    hook = "from engine.training.trainer import Trainer; Trainer._train_steps = nth(2, Trainer._train_steps)"
    assert engines.run(run, f"SIGNAL = {signal.SIGTERM}\n{SEND}{hook}") == 130
    interrupted(run)
    progress = peek(run.checkpoints)
    assert progress is not None
    assert (progress.epoch, progress.step) == (2, 0)
    before = run.train_log.read_bytes()
    assert before.splitlines()[-1].startswith(b"Epoch 2/2 | LR: ")
    assert progress.log_length == len(before)
    assert engines.run(run) == 0, run.engine_log.read_text()
    assert_same_end(run, unbroken)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_before_the_engine_can_answer(
    engines: Engines, data: Path, runs: Path, unbroken: RunDir, number: signal.Signals
) -> None:
    """Whoever starts an engine has it hold the signal back until then."""
    run = make_run(runs, data, *SETTINGS)
    held_back = "signal.pthread_sigmask(signal.SIG_BLOCK, [SIGNAL])\nact()\n"
    assert engines.run(run, f"import signal\nSIGNAL = {int(number)}\n{SEND}{held_back}") == 130
    interrupted(run)
    assert engines.run(run) == 0, run.engine_log.read_text()
    assert_same_end(run, unbroken)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_while_torch_is_imported(
    engines: Engines, data: Path, runs: Path, unbroken: RunDir, tmp_path: Path, number: signal.Signals
) -> None:
    run = make_run(runs, data, *SETTINGS)
    (tmp_path / "sitecustomize.py").write_text(f"SIGNAL = {int(number)}\n{SEND}{IMPORTING}")
    path = f"{tmp_path}:{ENVIRONMENT['PYTHONPATH']}"
    process = subprocess.run(
        [sys.executable, "-m", "engine", run.path], env={**ENVIRONMENT, "PYTHONPATH": path}
    )
    assert process.returncode == 130
    seconds = interrupted(run)
    print(f"importing: {number.name}: {seconds:.2f} s")
    assert seconds < GRACE
    assert engines.run(run) == 0, run.engine_log.read_text()
    assert_same_end(run, unbroken)


def test_a_signal_to_all_processes_of_a_job(
    engines: Engines, data: Path, runs: Path, unbroken: RunDir
) -> None:
    """As ``srun`` has it: the image processes get it too, and none dies of it before the run has been saved."""
    run = make_run(runs, data, *SETTINGS)
    group = """
import psutil
def act():
    pathlib.Path(RUN, "sent").write_text(str(time.monotonic()))
    for child in psutil.Process().children():
        child.send_signal(SIGNAL)
    os.kill(os.getpid(), SIGNAL)
"""
    hook = f"SIGNAL = {signal.SIGUSR1}\n{SEND}{group}{STAGES['training']}"
    assert engines.run(run, hook) == 130
    interrupted(run)
    warnings = past_state(JournalReader(run.journal)).warnings
    assert not [one.message for one in warnings if "image process" in one.message]
    assert engines.run(run) == 0
    assert_same_end(run, unbroken)
