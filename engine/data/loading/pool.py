"""The image processes as the engine sees them: started early, fed, replaced when they die, let go.

Processes and not threads: beside Python threads each of the training thread's own calls would wait
for the interpreter's lock. They are started before torch is imported and are ready when it is.
"""

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

import msgspec

from engine.core.cores import available_cores
from engine.core.errors import UserError
from engine.data.images import Split
from engine.data.loading.channel import Channel, wait
from engine.data.loading.messages import Done, Setup, Task

_PATIENCE = 120.0
"""Seconds without any answer after which processes that owe one are taken for stuck."""
_FATAL_DEATHS = 2
_DEATHS_IN_A_ROW = 8

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
    def __init__(self, inherited: tuple[int, ...]) -> None:
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "engine.data.loading.worker", str(theirs.fileno()), str(inherited[0])],
                pass_fds=(theirs.fileno(), *inherited), stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.owes: dict[tuple[int, int], Task] = {}
        """Tasks handed over and not yet answered, in order, by ticket and place."""

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

    def end(self) -> int:
        """Close the socket, wait for the process, and return its exit code."""
        self.channel.close()
        try:
            return self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Pool:
    """``count`` image processes (0: none, the caller prepares) and the memory that they share with the engine.

    ``memory`` is for batches, ``cache_memory`` for decoded images. ``told`` hears of a process that died.
    """

    def __init__(self, count: int) -> None:
        self.memory = _nameless_file()
        self.cache_memory: dict[Split, int] = {"train": _nameless_file(), "val": _nameless_file()}
        self.told: Callable[[str], object] = lambda _: None
        self._inherited = (self.memory, *self.cache_memory.values())
        self._setup: Setup | None = None
        self._deaths: dict[bytes, int] = {}
        self._deaths_in_a_row = 0
        self._given_up: list[Done] = []
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
        """Wait for answers and return them; none when a process was replaced or had room for more meanwhile.

        Raises UserError when image processes die one after the other.
        """
        if self._given_up:
            given_up, self._given_up = self._given_up, []
            return given_up
        ready = self._wait()
        if not ready:
            self._end_stuck()
        answers: list[Done] = []
        for number, worker in enumerate(self._workers):
            if worker.channel in ready:
                try:
                    self._receive(worker, answers)
                except (EOFError, OSError):
                    self._replace(number)
        if answers:
            self._deaths_in_a_row = 0
        return answers

    def close(self) -> None:
        """End the processes and let the memory go."""
        for worker in self._workers:
            worker.channel.close()
        for worker in self._workers:
            worker.end()
        self._workers = []
        for fd in self._inherited:
            os.close(fd)

    def _wait(self) -> list[Channel]:
        """Return those that have something to say, or room for what waits; none after ``_PATIENCE``."""
        channels = [worker.channel for worker in self._workers]
        # Second by second: while this process is suspended its clock runs on, but nobody is to blame for it.
        for _ in range(math.ceil(_PATIENCE)):
            if ready := wait(channels, min(1.0, _PATIENCE)):
                return ready
        return []

    def _receive(self, worker: _Worker, answers: list[Done]) -> None:
        for message in worker.channel.receive():
            done = _decoder.decode(message)
            task = worker.owes.pop((done.ticket, done.place))
            self._deaths.pop(task.path, None)
            answers.append(done)
        worker.flush()

    def _end_stuck(self) -> None:
        for worker in self._workers:
            if worker.owes:
                worker.process.send_signal(signal.SIGKILL)

    def _replace(self, number: int) -> None:
        """Put a new process in the place of a dead one, with what that one owed."""
        dead = self._workers[number]
        cause = _cause(dead.end())
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row > _DEATHS_IN_A_ROW:
            raise UserError(
                f"image processes die one after the other ({cause}); their errors are in engine.log, "
                "data.workers=0 goes without them"
            )
        self.told(f"an image process ({dead.process.pid}, {cause}) died; another has taken its place")
        if self._deaths_in_a_row > 1:
            time.sleep(0.1 * self._deaths_in_a_row)
        owed = list(dead.owes.values())
        if owed and self._is_fatal(owed[0]):
            task = owed.pop(0)
            self._given_up.append(Done(task.ticket, task.place, problem="reading it kills the image process"))
        self._workers[number] = worker = _Worker(self._inherited)
        for message in (*((self._setup,) if self._setup else ()), *owed):
            worker.send(message)
        worker.flush()

    def _is_fatal(self, task: Task) -> bool:
        self._deaths[task.path] = self._deaths.get(task.path, 0) + 1
        return self._deaths[task.path] >= _FATAL_DEATHS


def _cause(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
