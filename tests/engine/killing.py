"""Engines that are killed: at a time, or before or after the n-th system call that touches a path.

``python -m tests.engine.killing JOB`` is the engine on the run of a ``Job`` in JSON. ``arm`` also works in
``python -m engine`` itself, by a ``sitecustomize`` on its path.
"""

import builtins
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tests import warm

_CALLS = (
    "open", "write", "pwrite", "fsync", "fdatasync", "ftruncate", "rename", "replace", "link", "unlink", "mkdir",
    "rmdir",
)  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Ask(msgspec.Struct, frozen=True):
    """A command that a console would send once ``step`` steps of ``epoch`` are done."""

    epoch: int
    step: int
    command: dict[str, object]
    """As ``engine.control.commands`` has it, without its envelope."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One engine to run, and where it is to die: nowhere, if neither ``number`` nor ``seconds`` is given."""

    run: str
    calls: str = ""
    """A regular expression; "NAME PATH" of a call is searched for it."""
    since: str = ""
    """Likewise: only what comes after such a call counts."""
    number: int = 0
    """Which of those calls, from 1."""
    after: bool = False
    seconds: float = 0.0
    asks: list[Ask] = []
    trace: str = ""
    """A file for "NAME PATH" of each of those calls."""
    within: str = "/"
    """Calls elsewhere don't count."""
    index_from: int = 0
    """How many bytes of journal make an index worth while, looked at ten times a second; 0: as it is."""


class Engines:
    """Engines that share a folder ``cache`` for what is kept for later."""

    def __init__(self, cache: Path) -> None:
        self._environment = {**os.environ, **warm.ENVIRONMENT, "XDG_CACHE_HOME": str(cache)}

    def run(self, job: Job) -> int:
        """Run an engine to its end, or to its death; return its exit code, -9 for a kill."""
        with Path(job.run, "engine.log").open("ab") as log:
            engine = warm.start(
                [sys.executable, "-P", "-m", "tests.engine.killing", msgspec.json.encode(job).decode()],
                env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        if job.seconds:
            try:
                return engine.wait(job.seconds)
            except subprocess.TimeoutExpired:
                engine.kill()
        return engine.wait()


def arm(job: Job) -> None:
    """Have this process killed, and asked, as ``job`` says."""
    wanted, since, lock = re.compile(job.calls), re.compile(job.since), threading.Lock()
    count, counts = 0, not job.since
    trace = os.open(job.trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if job.trace else -1
    write = os.write

    def wrapped(name: str, call: Callable[..., Any], where: Callable[..., str]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            nonlocal count, counts
            path = where(*args, **named)
            said = f"{name} {path}"
            if not path.startswith(job.within):
                return call(*args, **named)
            with lock:
                if not counts or not wanted.search(said):
                    counts = counts or since.search(said) is not None
                    return call(*args, **named)
                count += 1
                fatal = count == job.number
            if trace >= 0:
                write(trace, f"{said}\n".encode())
            if fatal and not job.after:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return call(*args, **named)
            finally:
                if fatal:
                    os.kill(os.getpid(), signal.SIGKILL)

        return counted

    for name in _CALLS:
        original = getattr(os, name)
        counted = wrapped(name, original, _opened if name == "open" else _touched)
        for kind in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if original in kind:  # by which shutil chooses its ways
                kind.add(counted)
        setattr(os, name, counted)
    io.open = builtins.open = wrapped("open", io.open, _opened_file)
    if job.asks or "engine.training.checkpoint" in sys.modules:
        _arm_engine(job, wrapped)


def _arm_engine(job: Job, wrapped: Callable[..., Any]) -> None:
    from engine.journal import index as journal_index
    from engine.journal.events import CommandAccepted
    from engine.journal.log import JournalReader
    from engine.run.directory import RunDir
    from engine.training import checkpoint, loop, system
    from tests.engine.scores import make_scores

    # Written by Rust, which no wrapper of ``os`` sees.
    checkpoint.save_file = wrapped("save_file", checkpoint.save_file, lambda tensors, path, facts: str(path))
    if job.index_from:
        journal_index._WORTH, system._EVERY = job.index_from, 0.1
    make_scores(val_acc=(40.0, 50.0, 45.0, 60.0, 50.0, 55.0, 45.0, 40.0, 40.0))
    run, attend, asked = RunDir(Path(job.run)), loop.TrainingLoop._attend, set[str]()

    def ask_and_go_on(self: loop.TrainingLoop, moment: loop.Moment) -> None:
        position = self.position()
        for number, ask in enumerate(job.asks):
            if (ask.epoch, ask.step) != position or (name := f"ask{number}") in asked:
                continue
            asked.add(name)
            events = JournalReader(run.journal).read()
            if any(isinstance(event, CommandAccepted) and event.id.startswith(name) for event in events):
                continue
            if any(run.commands.glob(f"{number}-*.json")):  # in force, and about to be answered
                continue
            content = {**ask.command, "id": f"{name}-{os.getpid()}", "by": "ann@desk", "pid": 1, "t": 1.0}
            place = run.commands / f"{number}-{os.getpid()}.json"
            # Beside the run: a kill between the two calls leaves nothing in its folder.
            written = run.path.parent / "commands" / place.with_suffix(".tmp").name
            written.parent.mkdir(exist_ok=True)
            written.write_bytes(json.dumps(content).encode())
            written.rename(place)
        attend(self, moment)

    loop.TrainingLoop._attend = ask_and_go_on  # type: ignore[method-assign]


def _below(path: Any, folder: int | None) -> str:
    if isinstance(path, int):
        return str(Path(f"/proc/self/fd/{path}").readlink())
    named = os.fsdecode(path)
    return named if folder is None else f"{Path(f'/proc/self/fd/{folder}').readlink()}/{named}"


def _touched(path: Any, *rest: Any, **named: Any) -> str:
    try:
        return _below(path, named.get("dir_fd", named.get("src_dir_fd")))
    except OSError:  # not open: the call itself will say so
        return ""


def _opened(path: Any, flags: int, *rest: Any, **named: Any) -> str:
    return _touched(path, **named) if flags & _WRITES else ""


def _opened_file(path: Any, mode: str = "r", *rest: Any, **named: Any) -> str:
    return _touched(path) if set(mode) & set("wax+") else ""


def main() -> int:
    """Run the engine that is to be killed; return its exit code where it is not."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    warm.execute_children()
    arm(job)
    from engine.__main__ import main as engine

    sys.argv = ["engine", job.run]
    return engine()


if __name__ == "__main__":
    sys.exit(main())
