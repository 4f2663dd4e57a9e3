"""kill -9 at every point that has a name, before and after every call of a save, and at random."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest

from engine.journal.events import Step
from engine.journal.index import index_path, past_state
from engine.journal.log import JournalReader, JournalWriter
from engine.journal.state import RunState
from tests import warm
from tests.engine.killed_runs import ASKS, KILLED, PLAIN, RICH, Field, ground
from tests.engine.killing import Engines, Job
from tests.engine.same_end import differences

pytestmark = pytest.mark.timeout(600)

HOOK = """
import os, sys
if sys.orig_argv[2:4] == ["-m", "engine"]:
    import msgspec
    from tests.engine.killing import Job, arm
    arm(msgspec.json.decode(os.environ["KILL"], type=Job))
"""


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Path, Engines]]:
    with ground() as made:
        yield made


@pytest.fixture(scope="module")
def plain(place: tuple[Path, Engines]) -> Field:
    root, engines = place
    return Field(root / "plain", engines, PLAIN, ASKS)


@pytest.fixture(scope="module")
def rich(place: tuple[Path, Engines]) -> Field:
    root, engines = place
    return Field(root / "rich", engines, RICH, ASKS)


# In the order in which a run comes by. A few are met by each attempt anew: their number is high enough.
POINTS = {
    "lock": r"^pwrite .*/lock$",
    "journal": r"^write .*/events\.jsonl$",
    "split.csv": r"^replace .*/\.split\.csv",
    "quarantine, whose it is": r"^replace .*quarantine\.id",
    "quarantine, made": r"^rename .*/train-quarantine/",
    "quarantine, written down": r"^write .*/manifest\.jsonl$",
    "quarantine, a second name": r"^link .*/train/",
    "quarantine, the first name gone": r"^unlink .*/train/",
    "ledger": r"^replace .*/\.outliers\.csv",
    "cache": r"^pwrite .*\.pix$",
    "train.log": r"^write .*/train\.log$",
    "picture": r"^replace .*/\.confusion_matrix\d",
    "validation.csv": r"^replace .*/\.validation\.csv",
    "best, begun": r"^mkdir .*/\.best\.new$",
    "best, written": r"^save_file .*/\.best\.new/model",
    "best, in place": r"^rename .*/\.best\.new$",
    "last, its state written": r"^save_file .*/\.last\.new/train_state",
    "last, synced": r"^fsync .*/checkpoints/\.last\.new/train_state",
    "last, in place": r"^rename .*/\.last\.new$",
    "last, the one before set aside": r"^rename .*/checkpoints/last$",
    "recipe, written": r"^open .*/\.recipe\.toml",
    "recipe, in place": r"^replace .*/\.recipe\.toml",
    "last, the one before removed": r"^rmdir .*/\.last\.old$",
    "command, off the spool": r"^unlink .*/commands/2-",
    "last picture": r"^replace .*/\.confusion_matrix\.png",
    "train.log, synced": r"^fdatasync .*/train\.log$",
    "prediction.csv, written": r"^open .*/\.prediction\.csv",
    "prediction.csv, in place": r"^replace .*/\.prediction\.csv",
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_at_every_named_point(rich: Field, after: bool) -> None:
    run, missed = rich.new(), []
    for name, call in POINTS.items():
        code = rich.attempt(run, calls=call, number=1, after=after, index_from=4000)
        if code != KILLED:
            missed.append(name)
        if code == 0:
            break
    assert rich.attempt(run) == 0, run.engine_log.read_text()[-2000:]
    assert differences(run, rich.whole) == []
    assert missed == []


@pytest.mark.slow
def test_before_and_after_every_call_of_the_saves(place: tuple[Path, Engines]) -> None:
    root, engines = place
    small = Field(root / "small", engines, (*PLAIN, "train.epochs=2"))
    calls = small.calls("/checkpoints")
    assert len(calls) > 25
    for number in range(1, len(calls) + 1):
        run = small.new()
        assert small.attempt(run, calls="/checkpoints", number=number) == KILLED
        if small.attempt(run, calls="/checkpoints", number=number, after=True) == KILLED:
            assert small.attempt(run) == 0, run.engine_log.read_text()[-2000:]
        assert differences(run, small.whole) == [], f"before call {number}: {calls[number - 1]}"


@pytest.mark.slow
def test_before_every_call_from_the_prediction_to_the_end(place: tuple[Path, Engines]) -> None:
    root, engines = place
    ending = Field(root / "ending", engines, (*PLAIN, "train.epochs=1"))
    for number in count(1):
        run = ending.new()
        code = ending.attempt(run, since=r"^replace .*/\.prediction\.csv", calls="/run", number=number)
        if code == 0:
            break
        assert code == KILLED
        ended = "run_ended" in run.journal.read_text()
        assert ended or ending.attempt(run) == 0, run.engine_log.read_text()[-2000:]
        assert differences(run, ending.whole) == [], number
    assert number > 4


@pytest.mark.slow
def test_before_every_call_while_a_command_is_obeyed(plain: Field) -> None:
    calls = r"/events\.jsonl|/\.recipe|/commands/|\.last\.new$"  # inside of a save is another test's matter
    sent = [rf"^rename .*/commands/{number}-" for number in range(len(ASKS))]
    spans = [obeyed(plain.calls(calls, since=since)) for since in sent]
    assert min(spans) >= 4
    for kill in range(1, max(spans) + 1):
        run = plain.new()
        for since, span in zip(sent, spans, strict=True):
            if kill <= span:
                assert plain.attempt(run, calls=calls, since=since, number=kill) == KILLED
        assert plain.attempt(run) == 0, run.engine_log.read_text()[-2000:]
        assert differences(run, plain.whole) == [], f"before call {kill}"


def obeyed(calls: list[str]) -> int:
    """Return at which of the calls the command that came before them is taken off the spool, from 1."""
    return next(
        number for number, call in enumerate(calls, 1) if call.startswith("unlink ") and "/commands/" in call
    )


@pytest.mark.parametrize("number", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_at_random(rich: Field, number: int) -> None:
    assert rich.whole_state.ended is not None
    assert rich.whole_state.ended.outcome == "early_stopped"
    chance, kills = random.Random(7), 0
    while kills < number:
        run = rich.new()
        while (code := rich.attempt(run, seconds=chance.uniform(0, rich.seconds))) == KILLED:
            kills += 1
        assert code == 0, run.engine_log.read_text()[-2000:]
        assert differences(run, rich.whole) == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_while_the_index_of_the_journal_is_written(plain: Field, after: bool) -> None:
    run = plain.new()
    assert plain.attempt(run, calls=r"^mkdir .*/\.best\.new$", number=1) == KILLED
    writer = JournalWriter(run.journal)
    tick = Step(epoch=1, step=1, steps=7, loss=1.0, train_acc=50.0, images_per_s=1.0, eta=None)
    writer.append_all(*[tick] * 2000)  # what an index leaves out
    writer.close()
    where = r"^replace .*/\.events\.index"
    assert plain.attempt(run, calls=where, number=1, after=after, index_from=20_000) == KILLED
    assert plain.attempt(run, index_from=20_000) == 0
    assert differences(run, plain.whole) == []
    assert index_path(run.journal).exists()
    everything = RunState()
    everything.apply_all(JournalReader(run.journal).read())
    assert past_state(JournalReader(run.journal)) == everything


def test_the_engine_as_it_is_started(plain: Field, tmp_path: Path) -> None:
    tmp_path.joinpath("sitecustomize.py").write_text(HOOK)
    run = plain.new()
    job = Job(
        run=str(run.path), calls=r"^rename .*/\.last\.new$", number=2, asks=plain.asks, within=str(plain.root)
    )
    environment = {**os.environ, **warm.ENVIRONMENT, "PYTHONPATH": f"{tmp_path}:{warm.ROOT}"}
    with run.engine_log.open("ab") as log:
        command = [sys.executable, "-P", "-m", "engine", str(run.path)]
        environment["KILL"] = msgspec.json.encode(job).decode()
        ended = subprocess.run(command, env=environment, stdout=log, stderr=log, timeout=120)
    assert ended.returncode == KILLED
    assert not run.is_alive()
    assert plain.attempt(run) == 0
    assert differences(run, plain.whole) == []
