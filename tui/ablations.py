"""Ablations in the background: how each stands, and what is done to them. Each call may wait for a disk."""

import json
import os
import signal
import socket
from pathlib import Path
from typing import NamedTuple

from engine.analysis.ablation import PLAN_FILE, Plan, begin, check_goes_on, load_plan
from engine.core.errors import UserError
from engine.core.text import printable
from engine.run.directory import RunDir, is_run
from engine.run.overview import read_ends
from tui.log_tail import log_tail
from tui.spawn import ablation_log, start_ablation

_TAIL = 4096


class Standing(NamedTuple):
    """An ablation as it stands; ``current`` is the run that is being trained, if any."""

    folder: Path
    alive: bool
    """Whether a program has it: it was started here or by ``vrdl-tui ablate``."""
    planned: int
    finished: int
    current: str
    drawn: bool
    """Whether the tables and plots of what was found are there."""
    said: str
    """The last line of its log, empty where it was not started in the background."""

    @property
    def done(self) -> bool:
        return not self.alive and self.drawn and self.finished == self.planned


class AblationReader:
    """Reads one ablation; again only what has changed since, so that it can be looked at often."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._plan: Plan | None = None
        self._names: list[str] = []
        self._planned_at = 0
        self._finished: set[str] = set()

    def read(self) -> Standing | None:
        """Return the ablation as it is now, None where there is none. Raises UserError for a damaged plan."""
        if not self._read_plan() or self._plan is None:
            return None
        # The lock before the runs: the program ends after its last run.
        alive = RunDir(self._folder).is_alive()
        current = ""
        for name in self._names:
            run = RunDir(self._folder / name)
            if name in self._finished or not is_run(run.path):
                continue
            living = run.is_alive()
            if read_ends(run)[0].status(alive=living) == "finished":
                self._finished.add(name)
            elif living:
                current = name
        return Standing(
            folder=self._folder,
            alive=alive,
            planned=len(self._names),
            finished=sum(name in self._finished for name in self._names),
            current=current,
            drawn=all((self._folder / f"{name}.png").exists() for name in self._plan.names),
            said=_last_line(ablation_log(self._folder)),
        )

    def _read_plan(self) -> bool:
        """Read the plan where it is new; say whether there is one."""
        try:
            planned_at = (self._folder / PLAN_FILE).stat().st_mtime_ns
        except OSError:
            return False
        if planned_at != self._planned_at:
            self._plan = load_plan(self._folder)
            self._names = [one.name for one in self._plan.trainings] if self._plan is not None else []
            self._planned_at = planned_at
        return True


def find_ablations(runs: Path) -> list[Path]:
    """Return the folders of the ablations directly below ``runs``, those planned last first."""
    found = []
    for plan in runs.glob(f"*/{PLAN_FILE}"):
        try:
            found.append((plan.stat().st_mtime, plan.parent))
        except OSError:
            continue
    return [folder for _, folder in sorted(found, reverse=True)]


class Seen(NamedTuple):
    """What stands in the way of a plan in its folder, if anything; and the ablations that there are."""

    standing: Standing | None
    problem: str
    folders: list[Path]


def look(folder: Path, plan: Plan | None) -> Seen:
    """Look at an ablation's folder, and at the others beside it; ``plan`` is what would begin or go on there."""
    standing, problem = None, ""
    try:
        standing = AblationReader(folder).read()
        if plan is not None:
            check_goes_on(folder, plan)
    except UserError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{printable(str(folder))}: {error.strerror or error}"
    return Seen(standing, problem, find_ablations(folder.parent))


def go_on(folder: Path) -> str:
    """Go on with an ablation as it was planned; return why it can't, or nothing."""
    try:
        plan = load_plan(folder)
    except UserError as error:
        return str(error)
    return start(folder, plan) if plan is not None else f"no ablation in {printable(str(folder))}"


def start(folder: Path, plan: Plan) -> str:
    """Begin or go on with an ablation in the background; return why it can't be started, or nothing."""
    try:
        check_goes_on(folder, plan)
        start_ablation(folder, begin(folder, plan))
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"the ablation can't be started: {error.strerror or error}"
    return ""


def stop(folder: Path) -> str:
    """Have an ablation stop its run with a checkpoint, and end; return why it can't be asked, or nothing."""
    if not RunDir(folder).is_alive():
        return f"ablation {printable(folder.name)} is not under way"
    try:
        holder = json.loads((folder / "lock").read_bytes()[:4096])
        host, pid = str(holder["host"]), int(holder["pid"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return f"ablation {printable(folder.name)} is only just starting; try again in a moment"
    if host != socket.gethostname():
        return f"ablation {printable(folder.name)} is under way on {printable(host, 80)}: stop its run (S)"
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError as error:
        return f"ablation {printable(folder.name)}: {error.strerror or error}"
    return ""


def _last_line(log: Path) -> str:
    lines = [line for line in log_tail(log, _TAIL) if line.strip()]
    return printable(lines[-1]) if lines else ""
