"""Engines killed at random, resumed, and compared with unbroken runs: weights, train.log, prediction, journal.

    python -m benchmarks.kills [KILLS [SEED]]

Every run has mixup, dropout, decays, an early stop, a setting changed, images left out, a rollback and a skipped
epoch. Two recipes take turns: outliers quarantined by an autoencoder, a running mean of the weights and a cache on
disk; image processes and a cache in memory.
"""

import random
import sys
import time
from itertools import cycle

from engine.journal.events import StageStarted, Step
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from tests.engine.killed_runs import ASKS, KILLED, PLAIN, RICH, Field, ground
from tests.engine.same_end import differences

KILLS = 100
_WORKERS = (*PLAIN, "data.workers=1", "schedule.patience=3", "train.epochs=9")


def main() -> int:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    chance = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    began, kills, same = time.monotonic(), 0, 0
    with ground() as (root, engines):
        fields = [Field(root / name, engines, recipe, ASKS) for name, recipe in _RECIPES.items()]
        for number, field in enumerate(cycle(fields), 1):
            run = field.new()
            moments: list[str] = []
            while kills + len(moments) < wanted:
                after = chance.uniform(0, field.seconds)
                if (code := field.attempt(run, seconds=after)) != KILLED:
                    break
                moments.append(f"{after:.2f} s, {standing(run)}")
            else:
                code = field.attempt(run)
            if code:
                print(run.engine_log.read_text()[-2000:])
                return 1
            found = differences(run, field.whole)
            kills += len(moments)
            same += 0 if found else len(moments)
            print(
                f"run {number:<4}{field.root.name:<12}{len(moments)} kills  {'; '.join(found) or 'identical'}"
            )
            for moment in moments:
                print(f"          killed after {moment}")
            if kills >= wanted:
                break
    print(f"{same} of {kills} kills ended identical, in {number} runs and {time.monotonic() - began:.0f} s")
    return 0 if same == kills else 1


_RECIPES = {"quarantine": RICH, "workers": _WORKERS}


def standing(run: RunDir) -> str:
    """Return in words how far the journal says that a run had come."""
    place = "before its first word"
    for event in JournalReader(run.journal).read():
        if isinstance(event, StageStarted):
            place = event.stage
        elif isinstance(event, Step):
            place = f"epoch {event.epoch}, step {event.step} of {event.steps}"
    return place


if __name__ == "__main__":
    sys.exit(main())
