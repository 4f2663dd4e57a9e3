"""Our programs, forked from a process that has imported torch, timm and the console already.

``start(argv, …)`` stands in for ``subprocess.Popen(argv, …)``. Where ``argv`` is one of our own programs, it costs
some hundredths of a second and not seconds; what follows the start is the program's own code in a process of its own,
with its own session, signals, memory, files and end. The programs that such a process starts in its turn (a console
its engine, an engine its image processes) are forked likewise. Whatever else is asked for, and a program with a
Python path of its own, is started as ``subprocess`` does it, and so is all that tests of a start itself start.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from fcntl import ioctl
from functools import cache, partial
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn, TypeAlias

ROOT = Path(__file__).parents[1]
VRDL_TUI = Path(sys.executable).with_name("vrdl-tui")
LIBRARIES = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""What libraries read once, when they are imported. Tests share the cores, one worker of pytest-xdist on each."""
ENVIRONMENT = {**LIBRARIES, "PYTHONPATH": str(ROOT)}

_POPEN = subprocess.Popen
_OWN_MODULES = ("engine", "tui", "tests.engine")
_SIZE = 4


class Program(NamedTuple):
    """One of our programs: ``python -m module``, or ``vrdl-tui`` where ``module`` is empty."""

    module: str
    argv: list[str]


def _program(argv: Sequence[str | os.PathLike[str]], env: Mapping[str, str]) -> Program | None:
    """Return what ``argv`` starts if that can be forked; a path of its own is often a ``sitecustomize``."""
    words = [os.fspath(word) for word in argv]
    if env.get("PYTHONPATH", str(ROOT)) not in ("", str(ROOT)):
        return None
    if words[0] == str(VRDL_TUI):
        return Program("", words)
    options = [word for word in words[1:3] if word == "-P"]
    if words[0] != sys.executable or words[1 + len(options) : 2 + len(options)] != ["-m"]:
        return None
    module, *arguments = words[2 + len(options) :]
    if not any(module == own or module.startswith(f"{own}.") for own in _OWN_MODULES):
        return None
    return Program(module, [module, *arguments])


class Forked:
    """A program that was forked, as ``subprocess.Popen`` has one."""

    def __init__(
        self, pid: int, answer: socket.socket, argv: Sequence[str], out: IO[Any] | None, err: IO[Any] | None
    ) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = out
        self.stderr = err
        self._argv = argv
        self._answer = answer
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        return self._wait(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self._argv, timeout or 0.0)
        return code

    def _wait(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._answer], [], [], timeout)[0]:
                self.returncode = _receive_number(self._answer)
                self._answer.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[Any, Any]:
        """Read both outputs to their end, wait for the process's, and return what was read."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pipes = [pipe for pipe in (self.stdout, self.stderr) if pipe is not None]
        read: dict[IO[Any], Any] = {}
        threads = [
            threading.Thread(target=lambda pipe=pipe: read.__setitem__(pipe, pipe.read()), daemon=True)
            for pipe in pipes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                self.stdout = self.stderr = None  # it is read until all who may write to it have ended
                raise subprocess.TimeoutExpired(self._argv, timeout or 0.0)
        self.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        for pipe in pipes:
            pipe.close()
        return tuple(read[pipe] if pipe is not None else None for pipe in (self.stdout, self.stderr))

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()
        self.wait()


Process: TypeAlias = "Forked | subprocess.Popen[Any]"


def start(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    text: bool = False,
    start_new_session: bool = False,
    controlling: bool = False,
) -> Process:
    """Start a program and return it; ``controlling``: the terminal that is its stdin is to be its session's."""
    environment = dict(os.environ if env is None else env)
    program = _program(argv, environment)
    if program is None:
        return subprocess.Popen(
            argv, cwd=cwd, env=environment, stdin=stdin, stdout=stdout, stderr=stderr, text=text,
            start_new_session=start_new_session or controlling,
            preexec_fn=_take_terminal if controlling else None,
        )  # fmt: skip
    reads: list[IO[Any] | None] = []
    files: list[int] = []
    with contextlib.ExitStack() as ends:
        for number, asked in enumerate((stdin, stdout, stderr)):
            read = None
            match asked:
                case None:
                    fd = number
                case subprocess.DEVNULL:
                    fd = os.open(os.devnull, os.O_RDWR)
                    ends.callback(os.close, fd)
                case subprocess.STDOUT:
                    fd = files[1]
                case subprocess.PIPE if number:
                    ours, fd = os.pipe()
                    ends.callback(os.close, fd)
                    read = os.fdopen(ours, "r" if text else "rb")
                case int():
                    fd = asked
                case _:
                    fd = asked.fileno()
            files.append(fd)
            reads.append(read)
        request = {
            "module": program.module,
            "argv": program.argv,
            "cwd": os.fspath(cwd or Path.cwd()),
            "env": environment,
            "session": start_new_session or controlling,
            "controlling": controlling,
        }
        pid, answer = _nursery().fork(request, files)
    return Forked(pid, answer, program.argv, reads[1], reads[2])


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | IO[Any] | None = subprocess.PIPE,
    stderr: int | IO[Any] | None = subprocess.PIPE,
    text: bool = False,
    timeout: float | None = None,
) -> "subprocess.CompletedProcess[Any]":
    """Run a program to its end and return it with what it wrote, as ``subprocess.run``."""
    process = start(argv, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr, text=text)
    with process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(list(argv), process.wait(), out, err)


def execute_children() -> None:
    """Have what this process starts from now on executed: it would inherit what a test has changed in here."""
    subprocess.Popen = _POPEN  # type: ignore[misc]


class _Nursery:
    """The process that has imported everything, as the tests' process sees it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.warm", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stderr=self._errors,
                cwd=ROOT,
                env=self._environment(),
            )
        atexit.register(self._end)

    @staticmethod
    def _environment() -> dict[str, str]:
        """Return that of who runs the tests, without what the test that happens to be the first has set."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        return {**kept, **ENVIRONMENT, "HF_HOME": str(ROOT / "nobody's weights")}

    def fork(self, request: dict[str, Any], files: list[int]) -> tuple[int, socket.socket]:
        ours, theirs = socket.socketpair()
        content = json.dumps(request).encode()
        content = len(content).to_bytes(_SIZE, "big") + content
        try:
            with theirs, self._lock:
                sent = socket.send_fds(self._control, [content], [*files, theirs.fileno()])
                self._control.sendall(content[sent:])
            return _receive_number(ours), ours
        except (OSError, EOFError) as error:
            code = self._process.wait()
            self._errors.seek(0)
            reason = self._errors.read().decode()
            raise RuntimeError(f"the process that forks has ended, exit code {code}: {reason}") from error

    def _end(self) -> None:
        self._control.close()
        self._process.wait()


@cache
def _nursery() -> _Nursery:
    return _Nursery()


def _serve(control: socket.socket) -> None:
    """Fork what is asked for and tell how each ended, until nobody can ask any more."""
    woken, wake = os.pipe()
    for fd in (woken, wake):
        os.set_blocking(fd, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    answers: dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    while True:
        ready = [key.fileobj for key, _ in selector.select()]
        if woken in ready:
            os.read(woken, 4096)
            while answers:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                with answers.pop(pid) as answer, contextlib.suppress(OSError):
                    answer.sendall(os.waitstatus_to_exitcode(status).to_bytes(_SIZE, "big", signed=True))
        if control in ready:
            received = _receive(control)
            if received is None:
                return
            request, files = received
            pid = os.fork()
            if not pid:
                _be(request, files)
            for fd in files[:3]:
                os.close(fd)
            answers[pid] = socket.socket(fileno=files[3])
            with contextlib.suppress(OSError):
                answers[pid].sendall(pid.to_bytes(_SIZE, "big", signed=True))


def _receive(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    content, files, _, _ = socket.recv_fds(control, 65536, 4)
    if not content:
        return None
    size = int.from_bytes(content[:_SIZE], "big")
    content = content[_SIZE:]
    while len(content) < size:
        more = control.recv(size - len(content))
        if not more:
            return None
        content += more
    return json.loads(content), files


def _receive_number(answer: socket.socket) -> int:
    """Return a process id or an exit code. Raises EOFError when the process that forks is gone."""
    content = b""
    while len(content) < _SIZE:
        more = answer.recv(_SIZE - len(content))
        if not more:
            raise EOFError
        content += more
    return int.from_bytes(content, "big", signed=True)


def _be(request: dict[str, Any], files: list[int]) -> NoReturn:
    """Be the program that is asked for, in a process that was forked for it."""
    try:
        if request["session"]:
            os.setsid()
        for number, fd in enumerate(files[:3]):
            os.dup2(fd, number)
        if request["controlling"]:
            _take_terminal()
        os.chdir(request["cwd"])
        _run(Program(request["module"], request["argv"]), request["env"])
    except BaseException:
        traceback.print_exc()
    os._exit(99)


def _take_terminal() -> None:
    """Make the terminal on stdin the session's own, in which a person's keys are signals.

    A job in the background has those switched off for all that it starts; a login shell switches them on.
    """
    ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def _run(program: Program, env: Mapping[str, str], keep: Sequence[int] = ()) -> NoReturn:
    """Run a program to its end in this process, which was forked for it and is left as a new one would be."""
    first = 3
    for fd in [*sorted(keep), _last_file() + 1]:
        os.closerange(first, fd)
        first = fd + 1
    with contextlib.suppress(ValueError):
        signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if signal.getsignal(number) not in (signal.SIG_IGN, signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # as the interpreter has them
        signal.signal(number, signal.SIG_IGN)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(env)
    unbuffered = bool(env.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = _stream(0, unbuffered)
    sys.stdout = sys.__stdout__ = _stream(1, unbuffered)
    sys.stderr = sys.__stderr__ = _stream(2, unbuffered)
    atexit._clear()  # what the libraries have to put in order at the end is their first process's
    sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__
    sys.argv = program.argv
    sys.orig_argv = [sys.executable, *(["-m"] if program.module else []), *program.argv]
    code = 1
    try:
        if program.module:
            sys.modules.pop(program.module, None)
            sys.modules.pop(f"{program.module}.__main__", None)
            runpy.run_module(program.module, run_name="__main__", alter_sys=True)
            code = 0
        else:
            from tui.__main__ import main

            code = main()
    except SystemExit as end:
        match end.code:
            case None:
                code = 0
            case int():
                code = end.code
            case reason:
                print(reason, file=sys.stderr)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # As the interpreter ends, but for taking apart what torch has built up.
        with contextlib.suppress(RuntimeError):  # one that waits for the thread in which this was forked
            threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code & 255)


def _last_file() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return max(int(path.name) for path in Path(folder).iterdir())
    return 255


def _stream(fd: int, unbuffered: bool) -> io.TextIOWrapper:
    raw = open(fd, "wb" if fd else "rb", 0 if unbuffered and fd else -1, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(
        raw, "utf-8", "backslashreplace" if fd == 2 else "surrogateescape",
        line_buffering=fd == 2 or os.isatty(fd), write_through=unbuffered,
    )  # fmt: skip


class _Forking(subprocess.Popen[Any]):
    """``subprocess.Popen`` in a process that was forked: our own programs are forked from it, and not executed."""

    def __init__(self, args: Any, *positional: Any, **named: Any) -> None:
        env = dict(os.environ if named.get("env") is None else named["env"])
        program = _program(args, env) if isinstance(args, list) else None
        if program is not None and not positional:
            # Its last act before it would execute another program: it does not come back from it.
            named["preexec_fn"] = partial(_run, program, env, named.get("pass_fds", ()))
        super().__init__(args, *positional, **named)


_IMPORTED = (
    "torch._dynamo",  # an optimizer imports it with its first step
    "matplotlib.font_manager",
    "engine.training.predict",
    "engine.figures.confusion",
    "engine.outliers.detect.detect",
    "engine.outliers.stage",
    "engine.training.setup",
    "tui.app",
    "tui.cli.program",
)


def main() -> None:
    """Import what our programs import, and serve."""
    for module in _IMPORTED:
        importlib.import_module(module)
    gc.freeze()  # or each process would copy, in its first collection, all that it shares
    subprocess.Popen = _Forking  # type: ignore[misc]
    _serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
