"""The process settings that training's speed on a processor hangs on."""

import os
import subprocess
import sys

import pytest

CODE = """
import os, resource, sys
from engine.training.tuning import tune_process
if "tuned" in sys.argv:
    tune_process()
import numpy as np
def step():
    blocks = [np.ones(3 << 20, np.float32) for _ in range(4)]
step(); step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, os.environ.get("OMP_WAIT_POLICY"))
"""


def run(*arguments: str, **changes: str) -> tuple[int, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True,
        env={**others, **changes},
    )  # fmt: skip
    faults, policy = done.stdout.split()
    return int(faults), policy


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_memory_of_a_step_is_reused_for_the_next() -> None:
    untouched, _ = run()
    faults, policy = run("tuned")
    assert untouched > 10_000
    assert faults < untouched / 10
    assert policy == "PASSIVE"


def test_what_the_user_sets_stays() -> None:
    assert run("tuned", OMP_WAIT_POLICY="ACTIVE")[1] == "ACTIVE"
