"""One small model of each of timm's families: one epoch of one step, and its validation, by the engine itself.

    python benchmarks/timm_families.py [--size PX] [--jobs N] [--table FILE] [FAMILY…]

Each model trains from random weights in a process of its own, forked from one that has imported torch and timm, so
that a crash ends nothing else. A model that is refused is tried again at the size of its own. Prints a row for each
family: trained, refused with the line, failed with a traceback, or how its process ended. ``--table`` is a table of
parameter counts by ``engine.tools.timm_table``; without one, the models are counted first, which takes minutes.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import timm

from engine.core.ended import how_ended
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.model.sizes import own_sizes
from engine.recipe.timm_catalogue import read_table, table_path
from engine.run.directory import RunDir
from engine.training.session import Session
from engine.training.setup import Training  # noqa: F401 - imported before the forks
from tests.made_data import make_pictures, make_run
from tui.helper import run_helper

_LIMIT = 240.0
"""Seconds that one model may take."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one model at one size."""

    kind: str
    line: str
    seconds: float


def smallest(table: Path) -> dict[str, str]:
    """Return the model with the fewest parameters of each family."""
    if not table.exists():
        run_helper("engine.tools.timm_table", [str(table)], lambda _: None)
    known = read_table(table)
    counts = known.parameters if known is not None else {}
    families = {family: timm.list_models(module=family) for family in timm.list_modules()}
    return {
        family: min(names, key=lambda name: counts.get(name, 1 << 60))
        for family, names in families.items() if names
    }  # fmt: skip


def start(name: str, size: int, folder: Path, data: Path) -> tuple[int, RunDir]:
    """Fork a process that trains ``name``, and return its id and its run."""
    run = make_run(
        folder, data, f"model.name={name}", f"data.train_size={size}", f"data.val_size={size}",
        "data.batch_size=2", "data.workers=0", "train.epochs=1", "train.device=cpu", name=f"{name}-{size}",
    )  # fmt: skip
    pid = os.fork()
    if pid:
        return pid, run
    code = 70
    try:
        os.setsid()
        log = os.open(run.engine_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        lock = run.lock()
        code = Session(run).run()
        lock.release()
    finally:
        os._exit(code)


def result(run: RunDir, status: int, seconds: float) -> Result:
    """Return what became of a run whose process has ended with ``status``."""
    code = os.waitstatus_to_exitcode(status)
    state = RunState()
    for event in JournalReader(run.journal).read():
        state.apply(event)
    where = f"{state.stage.stage}" if state.stage else "its start"
    if code < 0:
        late = " after the time limit" if code == -signal.SIGKILL and seconds > _LIMIT else ""
        return Result("crashed", f"{how_ended(code)} in {where}{late}", seconds)
    if state.ended is None:
        return Result("crashed", f"{how_ended(code)} in {where}", seconds)
    if state.ended.outcome in ("finished", "early_stopped"):
        return Result("trained", "", seconds)
    failed = "traceback is in engine.log" in state.ended.reason
    return Result("failed" if failed else "refused", state.ended.reason, seconds)


def results(
    wanted: list[tuple[str, str, int]], jobs: int, folder: Path
) -> Iterator[tuple[str, str, int, Result]]:
    """Yield what became of each (family, model, size), ``jobs`` at a time, and of refused ones at their own size."""
    data = make_pictures(folder / "data", train=1, val=1, size=64)
    waiting = list(wanted)
    running: dict[int, tuple[str, str, int, RunDir, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            family, name, size = waiting.pop(0)
            pid, run = start(name, size, folder / "runs", data)
            running[pid] = (family, name, size, run, time.monotonic())
        pid, status = os.waitpid(-1, os.WNOHANG)
        for other, (*_, began) in running.items():
            if time.monotonic() - began > _LIMIT:
                os.kill(other, signal.SIGKILL)
        if not pid:
            time.sleep(0.05)
            continue
        if pid not in running:
            continue
        family, name, size, run, began = running.pop(pid)
        found = result(run, status, time.monotonic() - began)
        yield family, name, size, found
        own = own_sizes(name)[0]
        if found.kind == "refused" and size != own:
            waiting.insert(0, (family, name, own))


def main() -> int:
    """Print the table; return 1 if any model crashed or failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("families", nargs="*")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--table", type=Path, default=table_path())
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    members = smallest(arguments.table)
    wanted = [
        (family, name, arguments.size)
        for family, name in members.items() if not arguments.families or family in arguments.families
    ]  # fmt: skip
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="vrdl-tui-families-") as folder:
        for family, name, size, found in results(wanted, arguments.jobs, Path(folder)):
            counts[found.kind] = counts.get(found.kind, 0) + 1
            print(
                f"{family:26} {name:36} {size:4} px {found.seconds:6.1f} s  {found.kind:8} {found.line}",
                flush=True,
            )
    print(
        f"{len(wanted)} families: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    )
    return 1 if counts.get("crashed") or counts.get("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
