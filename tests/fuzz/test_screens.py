"""The console on hostile journals: each screen is drawn, in bounded time and memory, whatever their numbers say."""

import random
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.run.directory import RunDir
from tests.fuzz.bounds import bounded_memory
from tests.fuzz.mutate import numbers
from tests.fuzz.readers import journal_bytes
from tui.app import ConsoleApp

QUICK, SLOW = range(8), range(8, 300)
SECONDS = 20.0
"""Of processor time, for a console that starts, shows a run and its panels and the list of runs."""
PANELS = ("1", "2", "3", "4", "5", "6")

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


async def look_round(pilot: Pilot[int]) -> None:
    """Open every panel over the whole screen, the log, the matrix, the outliers, and the list of runs."""
    await pilot.pause(0.1)
    for key in (*PANELS, "l", "m", "o"):
        await pilot.press(key)
        await pilot.pause()
        await pilot.press("escape")
    await pilot.press("b")
    await pilot.pause(0.1)


@pytest.mark.parametrize("case", [*QUICK, *(pytest.param(case, marks=pytest.mark.slow) for case in SLOW)])
async def test_screens_of_hostile_journals(tmp_path: Path, case: int) -> None:
    rng = random.Random(case)
    run = RunDir.create(tmp_path / "runs", "r", "m", "[model]\n")
    lines = [numbers(line, rng, 3) if rng.random() < 0.5 else line for line in journal_bytes().splitlines()]
    run.journal.write_bytes(b"\n".join(lines) + b"\n")
    lock = run.lock() if case % 2 else None
    began = time.process_time()
    try:
        with bounded_memory():
            async with ConsoleApp(tmp_path / "runs", run).run_test(
                size=rng.choice(((80, 24), (160, 50)))
            ) as pilot:
                await look_round(pilot)
    except BaseException:
        print(run.journal.read_bytes().decode())
        raise
    finally:
        if lock is not None:
            lock.release()
    assert time.process_time() - began < SECONDS
