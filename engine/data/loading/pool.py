"""The image processes as the engine sees them: started early, fed, replaced when they die, let go.

Processes and not threads: beside Python threads each of the training thread's own calls would wait
for the interpreter's lock. They are started before torch is imported and are ready when it is.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

import msgspec
import psutil

from engine.core.cores import available_cores
from engine.core.errors import UserError
from engine.core.text import printable
from engine.data.images import Split
from engine.data.loading.channel import Channel, wait
from engine.data.loading.messages import Done, Setup, Task

_PATIENCE = 120.0
"""Seconds: of computing on one image after which it is given up, and of no answer at all after which that is told."""
_LOOK_EVERY = 1.0
"""Seconds without an answer after which the processes that owe one are looked at, and ``take`` returns."""
_FATAL_DEATHS = 2
_DEATHS_IN_A_ROW = 8
"""Of processes in one and the same place, while none in any place has answered."""
_PROGRAM = "engine.data.loading.worker"
_GRACE, _KILLED = 2.0, 1.0
"""Seconds that a process is waited for: once its socket is closed, and once it was killed."""
_NAMED = 4

_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Done)


def worker_count(asked: int) -> int:
    """Return how many processes read images; -1 asks for one for each core, up to 8."""
    return asked if asked >= 0 else min(8, available_cores())


def _nameless_file() -> int:
    """Return a file descriptor of memory that lives as long as someone has it open, at first empty."""
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
        self.owes: dict[tuple[int, int], Task] = {}
        """Tasks handed over and not yet answered, in order, by ticket and place."""
        self.deaths = deaths
        """Of processes in this place before this one, in a row."""
        self.hung_on: Task | None = None
        """The task that it was killed for."""
        self._computed_before: float | None = None

    def send(self, message: Setup | Task) -> None:
        """Let a message wait for the next ``flush``."""
        if isinstance(message, Task):
            self.owes[message.ticket, message.place] = message
        self.channel.send(_encoder.encode(message))

    def flush(self) -> None:
        """Hand over as much as the process has room for, whether it lives or not."""
        # That it is gone is found in reading, which first gives all that it had still answered.
        with contextlib.suppress(OSError):
            self.channel.flush()

    def answered(self, done: Done) -> Task:
        """Return the task that is done now."""
        self._computed_before = None
        return self.owes.pop((done.ticket, done.place))

    def computed(self) -> float:
        """Return the seconds of computing since the first call after the last answer, 0.0 for a process that is gone.

        Only what the process spends in its own code: one that waits for a disk, is stopped, or sleeps with the
        machine doesn't compute, and neither does one whose memory is being swapped.
        """
        try:
            now: float = psutil.Process(self.process.pid).cpu_times().user
        except psutil.Error:
            return 0.0
        if self._computed_before is None:
            self._computed_before = now
        return now - self._computed_before

    def state(self) -> str:
        """Return its process id and what the system says that it does."""
        try:
            return f"{self.process.pid} {psutil.Process(self.process.pid).status()}"
        except psutil.Error:
            return f"{self.process.pid} gone"

    def give_up(self) -> None:
        """Kill the process for its oldest task, which it doesn't come to the end of."""
        self.hung_on = next(iter(self.owes.values()))
        self.process.kill()

    def ended_by(self, deadline: float) -> bool:
        """Wait for the process until ``deadline``, of the monotonic clock, and say whether it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, deadline - time.monotonic()))
            return True
        return False


def _end(workers: list[_Worker]) -> None:
    """Close the sockets and wait for the processes; one that no signal ends, in the middle of a read, is left to it."""
    for worker in workers:
        worker.channel.close()
    deadline = time.monotonic() + _GRACE
    for worker in workers:
        if not worker.ended_by(deadline):
            worker.process.kill()
    for worker in workers:
        worker.ended_by(deadline + _KILLED)


class Pool:
    """``count`` image processes (0: none, the caller prepares) and the memory that they share with the engine.

    ``memory`` is for batches, ``cache_memory`` for decoded images. ``told`` hears of a process that died, of an image
    that one computed on for too long, and of a time without any answer: a process that is alive and doesn't compute
    is waited for, however long that takes.
    """

    def __init__(self, count: int) -> None:
        self.memory = _nameless_file()
        self.cache_memory: dict[Split, int] = {"train": _nameless_file(), "val": _nameless_file()}
        self.told: Callable[[str], object] = lambda _: None
        self._inherited = (self.memory, *self.cache_memory.values())
        self._setup: Setup | None = None
        self._deaths: dict[bytes, int] = {}
        self._given_up: list[Done] = []
        self.quiet = 0.0
        """Seconds without an answer from any process, as long as one is owed."""
        self._stall_told = False
        self._workers = [_Worker(self._inherited) for _ in range(count)]

    def __len__(self) -> int:
        return len(self._workers)

    def pids(self) -> list[int]:
        return [worker.process.pid for worker in self._workers]

    def set_up(self, setup: Setup) -> None:
        """Tell every process, and each that will take the place of one, what to prepare."""
        self._setup = setup
        for worker in self._workers:
            worker.send(setup)
            worker.flush()

    def put(self, tasks: Iterable[Task]) -> None:
        """Hand each task to the process that owes least; it never waits for one to have room."""
        for task in tasks:
            min(self._workers, key=lambda worker: len(worker.owes)).send(task)
        for worker in self._workers:
            worker.flush()

    def take(self) -> list[Done]:
        """Wait for answers and return them.

        None when there was none for a second, and when a process was replaced or had room for more meanwhile. Raises
        UserError when image processes die one after the other.
        """
        if self._given_up:
            given_up, self._given_up = self._given_up, []
            return given_up
        # Second by second: while this process is suspended its clock runs on, but nobody is to blame for it.
        seconds = min(_LOOK_EVERY, _PATIENCE)
        ready = wait([worker.channel for worker in self._workers], seconds)
        if not ready:
            self.quiet += seconds
            self._look()
        answers: list[Done] = []
        for number, worker in enumerate(self._workers):
            if worker.channel in ready:
                try:
                    self._receive(worker, answers)
                except (EOFError, OSError):
                    self._replace(number)
        if answers:
            self._hear_answers()
        return answers

    def close(self) -> None:
        """End the processes and let the memory go."""
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

    def _hear_answers(self) -> None:
        for worker in self._workers:
            worker.deaths = 0
        if self._stall_told:
            self.told(f"images are read again, after {self.quiet:.0f} s without one")
        self.quiet, self._stall_told = 0.0, False

    def _look(self) -> None:
        """Give up images that are computed on for too long; tell of a time without answers."""
        owing = [worker for worker in self._workers if worker.owes]
        computed = [worker.computed() for worker in owing]
        for worker, seconds in zip(owing, computed, strict=True):
            if seconds >= _PATIENCE and worker.hung_on is None:
                worker.give_up()
        # One that computes is either done or given up before long.
        if self.quiet >= _PATIENCE and not self._stall_told and max(computed, default=0.0) < self.quiet / 2:
            self._stall_told = True
            self.told(_stall(owing, self.quiet))

    def _replace(self, number: int) -> None:
        """Put a new process in the place of a dead one, with what that one owed."""
        dead = self._workers[number]
        _end([dead])
        owed = list(dead.owes.values())
        deaths = 0
        if dead.hung_on is not None:
            self.quiet = 0.0  # what passed was no stall
            path = printable(os.fsdecode(dead.hung_on.path), 300)
            self.told(
                f"an image process ({dead.process.pid}) was ended after {_PATIENCE:.0f} s of computing on {path}; "
                "another has taken its place"
            )
            if owed and owed[0] is dead.hung_on:  # else it has answered after all
                self._give_up(owed.pop(0), f"decoding it takes more than {_PATIENCE:.0f} s of computing")
        else:
            deaths = dead.deaths + 1
            self._tell_death(dead, deaths)
            if owed and self._is_fatal(owed[0]):
                self._give_up(owed.pop(0), "reading it kills the image process")
        self._workers[number] = worker = _Worker(self._inherited, deaths)
        for message in (*((self._setup,) if self._setup else ()), *owed):
            worker.send(message)
        worker.flush()

    def _tell_death(self, dead: _Worker, deaths: int) -> None:
        """Tell of a process that died by itself, and let some time pass if those before it did. Raises UserError."""
        cause = _cause(dead.process.returncode)
        if deaths > _DEATHS_IN_A_ROW:
            raise UserError(
                f"image processes die one after the other ({cause}); their errors are in engine.log, "
                "data.workers=0 goes without them"
            )
        self.told(f"an image process ({dead.process.pid}, {cause}) died; another has taken its place")
        if deaths > 1:
            time.sleep(0.1 * deaths / len(self._workers))

    def _give_up(self, task: Task, problem: str) -> None:
        self._given_up.append(Done(task.ticket, task.place, problem=problem))

    def _is_fatal(self, task: Task) -> bool:
        self._deaths[task.path] = self._deaths.get(task.path, 0) + 1
        return self._deaths[task.path] >= _FATAL_DEATHS


def _cause(code: int | None) -> str:
    if code is None:
        return "it gave up its socket"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _stall(owing: list[_Worker], seconds: float) -> str:
    states = ", ".join(worker.state() for worker in owing[:_NAMED])
    more = f" and {len(owing) - _NAMED} more" if len(owing) > _NAMED else ""
    oldest = next((task for worker in owing for task in worker.owes.values()), None)
    path = printable(os.fsdecode(oldest.path), 300) if oldest else ""
    return (
        f"reading images has been slow for {seconds:.0f} s: no image process has answered ({states}{more}), "
        f"one of them is at {path}; the run waits and goes on by itself; look to the disk or network drive that the "
        "images are on"
    )
