"""The pool of image processes: starts them, sends tasks, replaces those that die and stops them.

Processes rather than threads, because Python threads would make the training thread wait for the interpreter
lock at every call. They start before torch is imported, and are ready by the time it is.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

import msgspec
import psutil

from engine.core.cores import available_cores
from engine.core.ended import how_ended
from engine.core.errors import UserError
from engine.core.text import printable
from engine.data.loading.channel import Channel, wait
from engine.data.loading.messages import Done, Setup, Task
from engine.layout.folders import Split

_PATIENCE = 120.0
"""Seconds of CPU time after which an image is given up, and without an answer after which a stall is reported."""
_CHECK_SECONDS = 1.0
"""Seconds without an answer after which busy processes are checked and ``take`` returns."""
_FATAL_DEATHS = 2
"""Deaths of a process on one image after which that image is given up."""
_DEATHS_IN_A_ROW = 8
"""Successive deaths of one worker, with no answer from any, that are tolerated."""
_PROGRAM = "engine.data.loading.worker"
_GRACE, _KILLED = 2.0, 1.0
"""Seconds to wait for a process to exit: after its socket is closed, and after it is killed."""
_NAMED = 4
"""Processes that a stall message lists."""

_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Done)


def worker_count(asked: int) -> int:
    """Return the number of image processes for ``data.workers``; -1 means one per core, at most 8."""
    return asked if asked >= 0 else min(8, available_cores())


def _memory_file() -> int:
    """Return a descriptor of an empty, anonymous memory file, freed when its last descriptor is closed."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("vrdl-tui")
    fd, path = tempfile.mkstemp(prefix="vrdl-tui-")
    os.unlink(path)  # noqa: PTH108
    return fd


class _Worker:
    def __init__(self, inherited: tuple[int, ...], deaths: int = 0) -> None:
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", _PROGRAM, str(theirs.fileno()), str(inherited[0])],
                pass_fds=(theirs.fileno(), *inherited), stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.unanswered: dict[tuple[int, int], Task] = {}
        """Unanswered tasks by ticket and place, oldest first."""
        self.deaths = deaths
        """Successive deaths of the processes that this one replaces."""
        self.hung_on: Task | None = None
        """The task it was killed for."""
        self._cpu_seconds_before: float | None = None

    def send(self, message: Setup | Task) -> None:
        """Queue a message for the next ``flush``."""
        if isinstance(message, Task):
            self.unanswered[message.ticket, message.place] = message
        self.channel.send(_encoder.encode(message))

    def flush(self) -> None:
        """Send as much as the socket takes without blocking, ignoring a dead process."""
        # Death is detected when reading, after the remaining answers.
        with contextlib.suppress(OSError):
            self.channel.flush()

    def answered(self, done: Done) -> Task:
        """Remove the task that ``done`` answers, and return it."""
        self._cpu_seconds_before = None
        return self.unanswered.pop((done.ticket, done.place))

    def cpu_seconds(self) -> float:
        """Return the CPU time, s, since the first call after the last answer; 0.0 for a dead process.

        Counts user time only, which excludes waiting for a disk, swapping, being stopped and system sleep.
        """
        try:
            now: float = psutil.Process(self.process.pid).cpu_times().user
        except psutil.Error:
            return 0.0
        if self._cpu_seconds_before is None:
            self._cpu_seconds_before = now
        return now - self._cpu_seconds_before

    def state(self) -> str:
        """Return the process id and the operating system's status of the process."""
        try:
            return f"{self.process.pid} {psutil.Process(self.process.pid).status()}"
        except psutil.Error:
            return f"{self.process.pid} gone"

    def give_up(self) -> None:
        """Kill the process because it doesn't finish its oldest task."""
        self.hung_on = next(iter(self.unanswered.values()))
        self.process.kill()

    def ended_by(self, deadline: float) -> bool:
        """Wait until ``deadline`` (monotonic clock); return whether the process has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, deadline - time.monotonic()))
            return True
        return False


def _end(workers: list[_Worker]) -> None:
    """Close the sockets, then kill processes that don't exit; one blocked in an uninterruptible read is abandoned."""
    for worker in workers:
        worker.channel.close()
    deadline = time.monotonic() + _GRACE
    for worker in workers:
        if not worker.ended_by(deadline):
            worker.process.kill()
    for worker in workers:
        worker.ended_by(deadline + _KILLED)


class Pool:
    """``count`` image processes and the memory that they share with the engine.

    With ``count`` 0 there are none, and the caller prepares images itself. ``memory`` holds batches, ``cache_memory``
    decoded images. ``told`` is called with a message when a process dies, an image takes too much CPU time, or no
    process answers for long. A process that is alive but uses no CPU, as on a stalled network drive, is waited for
    without limit.
    """

    def __init__(self, count: int) -> None:
        self.memory = _memory_file()
        self.cache_memory: dict[Split, int] = {"train": _memory_file(), "val": _memory_file()}
        self.told: Callable[[str], object] = lambda _: None
        self._inherited = (self.memory, *self.cache_memory.values())
        self._setup: Setup | None = None
        self._deaths: dict[bytes, int] = {}
        self._given_up: list[Done] = []
        self.quiet = 0.0
        """Seconds spent waiting since the last answer of any process."""
        self._stall_reported = False
        self._workers = [_Worker(self._inherited) for _ in range(count)]

    def __len__(self) -> int:
        return len(self._workers)

    def pids(self) -> list[int]:
        """Return the process ids."""
        return [worker.process.pid for worker in self._workers]

    def set_up(self, setup: Setup) -> None:
        """Configure every process, including later replacements."""
        self._setup = setup
        for worker in self._workers:
            worker.send(setup)
            worker.flush()

    def put(self, tasks: Iterable[Task]) -> None:
        """Send each task to the process with the fewest unanswered ones, without blocking."""
        for task in tasks:
            min(self._workers, key=lambda worker: len(worker.unanswered)).send(task)
        for worker in self._workers:
            worker.flush()

    def take(self) -> list[Done]:
        """Wait for answers and return them.

        Returns none after a second without answers, and when a process was replaced or only took more tasks. Raises
        UserError if image processes keep dying.
        """
        if self._given_up:
            given_up, self._given_up = self._given_up, []
            return given_up
        # Counted in waits, not by the clock, which also advances while this process is suspended.
        seconds = min(_CHECK_SECONDS, _PATIENCE)
        ready = wait([worker.channel for worker in self._workers], seconds)
        if not ready:
            self.quiet += seconds
            self._check()
        answers: list[Done] = []
        for number, worker in enumerate(self._workers):
            if worker.channel in ready:
                try:
                    self._receive(worker, answers)
                except (EOFError, OSError):
                    self._replace(number)
        if answers:
            self._end_stall()
        return answers

    def close(self) -> None:
        """Stop the processes and free the memory."""
        _end(self._workers)
        self._workers = []
        for fd in self._inherited:
            os.close(fd)

    def _receive(self, worker: _Worker, answers: list[Done]) -> None:
        for message in worker.channel.receive():
            done = _decoder.decode(message)
            self._deaths.pop(worker.answered(done).path, None)
            answers.append(done)
        worker.flush()

    def _end_stall(self) -> None:
        for worker in self._workers:
            worker.deaths = 0
        if self._stall_reported:
            self.told(f"images are read again after {self.quiet:.0f} s without one")
        self.quiet, self._stall_reported = 0.0, False

    def _check(self) -> None:
        """Give up images that take too much CPU time; report a stall."""
        busy = [worker for worker in self._workers if worker.unanswered]
        used = [worker.cpu_seconds() for worker in busy]
        for worker, seconds in zip(busy, used, strict=True):
            if seconds >= _PATIENCE and worker.hung_on is None:
                worker.give_up()
        # A process that uses the CPU will soon answer or be given up, so it is no stall.
        if self.quiet >= _PATIENCE and not self._stall_reported and max(used, default=0.0) < self.quiet / 2:
            self._stall_reported = True
            self.told(_stall(busy, self.quiet))

    def _replace(self, number: int) -> None:
        """Replace a dead process and send its unanswered tasks to the new one."""
        dead = self._workers[number]
        _end([dead])
        tasks = list(dead.unanswered.values())
        deaths = 0
        if dead.hung_on is not None:
            self.quiet = 0.0  # the time until now was no stall
            path = printable(os.fsdecode(dead.hung_on.path), 300)
            self.told(
                f"an image process ({dead.process.pid}) was killed and replaced after {_PATIENCE:.0f} s of CPU time "
                f"on {path}"
            )
            if tasks and tasks[0] is dead.hung_on:  # otherwise it has answered after all
                self._give_up(tasks.pop(0), f"decoding takes more than {_PATIENCE:.0f} s of CPU time")
        else:
            deaths = dead.deaths + 1
            self._report_death(dead, deaths)
            if tasks and self._count_death(tasks[0]):
                self._give_up(tasks.pop(0), "reading it crashes the image process")
        self._workers[number] = worker = _Worker(self._inherited, deaths)
        for message in (*((self._setup,) if self._setup else ()), *tasks):
            worker.send(message)
        worker.flush()

    def _report_death(self, dead: _Worker, deaths: int) -> None:
        """Report a process that died by itself; delay its replacement if others did, raise UserError after too many."""
        code = dead.process.returncode
        cause = "closed its socket" if code is None else how_ended(code)
        if deaths > _DEATHS_IN_A_ROW:
            raise UserError(
                f"image processes keep dying ({cause}); see engine.log for their errors, or set data.workers=0 "
                "to read images without them"
            )
        self.told(f"an image process ({dead.process.pid}, {cause}) died and was replaced")
        if deaths > 1:
            time.sleep(0.1 * deaths / len(self._workers))

    def _give_up(self, task: Task, problem: str) -> None:
        self._given_up.append(Done(task.ticket, task.place, problem=problem))

    def _count_death(self, task: Task) -> bool:
        """Count a death on ``task``; return whether its image is to be given up."""
        self._deaths[task.path] = self._deaths.get(task.path, 0) + 1
        return self._deaths[task.path] >= _FATAL_DEATHS


def _stall(busy: list[_Worker], seconds: float) -> str:
    states = ", ".join(worker.state() for worker in busy[:_NAMED])
    more = f" and {len(busy) - _NAMED} more" if len(busy) > _NAMED else ""
    oldest = next((task for worker in busy for task in worker.unanswered.values()), None)
    path = printable(os.fsdecode(oldest.path), 300) if oldest else ""
    return (
        f"reading images has been slow for {seconds:.0f} s: no image process has answered ({states}{more}), "
        f"one of them is reading {path}; the run waits and resumes by itself; check the disk or network drive that "
        "holds the images"
    )
